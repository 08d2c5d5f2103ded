// Where the peers' packages lie, and their versions.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder of installed peers. */
export const PACKAGES = fileURLToPath(new URL("node_modules/", import.meta.url));

/** The installed version of package `name`. */
export function packageVersion(name) {
  return JSON.parse(readFileSync(`${PACKAGES}${name}/package.json`, "utf8")).version;
}
