import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PACKAGE_ROOT } from "../package-root.ts";

export { PACKAGE_ROOT };

/** The model that is used when none is named. */
export const DEFAULT_MODEL = fileURLToPath(new URL("models/blockffn-nano.q8.safetensors", PACKAGE_ROOT));

/** Version of the package, from its package.json. */
export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("package.json", PACKAGE_ROOT), "utf8"));
  return (manifest as { version: string }).version;
}
