import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe } from "vitest";

const shared = join(import.meta.dirname, "../../../shared");

/** A path below ../shared, the data that are kept beside the repository. */
export function sharedPath(path: string): string {
  return join(shared, path);
}

/** `describe` that is skipped, and says so, when ../shared/`path` is not there. */
export function describeShared(name: string, path: string, body: () => void): void {
  const there = existsSync(sharedPath(path));
  if (!there) console.log(`skipped: ${name} (../shared/${path} is not there)`);
  if (there) describe(name, body);
  else describe.skip(name, () => {});
}
