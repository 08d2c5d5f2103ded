import { describe } from "vitest";

export { denoBinary, installedPackage } from "./packages.ts";

/** `describe` that is skipped, and says so, when `packageName` or another thing that it needs is not installed. */
export function describeInstalled(name: string, packageName: string, found: string | undefined, body: () => void): void {
  if (found !== undefined) {
    describe(name, body);
    return;
  }
  console.log(`skipped: ${name} (${packageName} is not installed; run npm ci in test/runtime)`);
  describe.skip(name, () => {});
}
