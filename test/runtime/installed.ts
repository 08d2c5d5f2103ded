import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe } from "vitest";

const folder = import.meta.dirname;

/** Folder of a package of test/runtime/package.json; undefined when `npm ci` was not run there. */
export function installedPackage(name: string): string | undefined {
  const path = join(folder, "node_modules", name);
  return existsSync(path) ? path : undefined;
}

/** `describe` that is skipped, and says so, when `packageName` or another thing that it needs is not installed. */
export function describeInstalled(name: string, packageName: string, found: string | undefined, body: () => void): void {
  if (found !== undefined) {
    describe(name, body);
    return;
  }
  console.log(`skipped: ${name} (${packageName} is not installed; run npm ci in test/runtime)`);
  describe.skip(name, () => {});
}

/** The deno binary for this machine. */
export function denoBinary(): string | undefined {
  const shim = installedPackage("deno");
  if (shim === undefined) return undefined;
  // The package only picks one of its optional dependencies; its own start script does not hand signals on.
  const { optionalDependencies } = createRequire(import.meta.url)(join(shim, "package.json")) as { optionalDependencies: Record<string, string> };
  const binaries = Object.keys(optionalDependencies).map((name) => join(dirname(shim), name, process.platform === "win32" ? "deno.exe" : "deno"));
  return binaries.find((path) => existsSync(path));
}
