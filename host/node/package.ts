import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Root of the package: this file is host/node/package.ts in the sources and dist/host/node/package.js when built. */
export const PACKAGE_ROOT = new URL(import.meta.url.endsWith(".ts") ? "../../" : "../../../", import.meta.url);

/** The model that is used when none is named. */
export const DEFAULT_MODEL = fileURLToPath(new URL("models/blockffn-nano.q8.safetensors", PACKAGE_ROOT));

/** Version of the package, from its package.json. */
export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("package.json", PACKAGE_ROOT), "utf8"));
  return (manifest as { version: string }).version;
}
