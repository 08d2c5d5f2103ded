import { loadModel as load } from "../../src/load/load.ts";
import { Model } from "../../src/model.ts";
import type { LoadOptions } from "../../src/engine/types.ts";
import { nodeHost } from "./engine.ts";
import { DEFAULT_MODEL } from "./package.ts";

export * from "../../src/index.ts";
export { nodeHost } from "./engine.ts";
export { listen } from "../http/listen.ts";
export { DEFAULT_MODEL, PACKAGE_ROOT } from "./package.ts";

/**
 * Loads a model on Node.
 * @param location packed file or folder in the Hugging Face layout (path or file: URL), a name (nano, chat), `hf:OWNER/NAME` or an https
 * URL (docs/models.md); default: the model that comes with the package.
 * @throws SourceError when it cannot be read; FormatError, ConfigError, TokenizerError or LimitError when it cannot be used.
 */
export async function loadModel(location: string | URL = DEFAULT_MODEL, options: LoadOptions = {}): Promise<Model> {
  return new Model(await load(nodeHost, location, options));
}
