import { loadModel as load } from "../../src/load/load.ts";
import { Model } from "../../src/model.ts";
import type { LoadOptions } from "../../src/engine/types.ts";
import { denoHost } from "./engine.ts";
import { DEFAULT_MODEL } from "./package.ts";

export * from "../../src/index.ts";
export { denoHost } from "./engine.ts";
export { DEFAULT_MODEL, PACKAGE_ROOT } from "./package.ts";
export { listen } from "./serve.ts";

/**
 * Loads a model on Deno; needs `--allow-read` of the model and of the package's dist/engine, nothing else.
 * @param location packed file or folder in the Hugging Face layout (path or file: URL), a name (nano, chat), `hf:OWNER/NAME` or an https
 * URL (docs/models.md); default: the model that comes with the package.
 * @throws SourceError when it cannot be read; FormatError, ConfigError, TokenizerError or LimitError when it cannot be used.
 */
export async function loadModel(location: string | URL = DEFAULT_MODEL, options: LoadOptions = {}): Promise<Model> {
  return new Model(await load(denoHost, location, options));
}
