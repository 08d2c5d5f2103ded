import { PACKAGE_ROOT } from "../package-root.ts";

export { PACKAGE_ROOT };

/** A local file's URL as a path. Not node:url's: what this needs is less. */
export function filePath(url: URL): string {
  const path = decodeURIComponent(url.pathname);
  return /^\/[a-z]:\//i.test(path) ? path.slice(1) : path;
}

/** The model that is used when none is named. */
export const DEFAULT_MODEL = filePath(new URL("models/blockffn-nano.q8.safetensors", PACKAGE_ROOT));
