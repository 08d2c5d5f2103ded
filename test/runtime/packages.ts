import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PACKAGE_ROOT } from "../../host/package-root.ts";

/** This folder, also for what is built to dist/. */
export const RUNTIMES = fileURLToPath(new URL("test/runtime/", PACKAGE_ROOT));

/** Folder of a package of test/runtime/package.json; undefined when `npm ci` was not run there. */
export function installedPackage(name: string): string | undefined {
  const path = join(RUNTIMES, "node_modules", name);
  return existsSync(path) ? path : undefined;
}

/** The deno binary for this machine. */
export function denoBinary(): string | undefined {
  const shim = installedPackage("deno");
  if (shim === undefined) return undefined;
  // The package only picks one of its optional dependencies; its own start script does not hand signals on.
  const { optionalDependencies } = createRequire(import.meta.url)(join(shim, "package.json")) as {
    optionalDependencies: Record<string, string>;
  };
  const binaries = Object.keys(optionalDependencies).map((name) =>
    join(dirname(shim), name, process.platform === "win32" ? "deno.exe" : "deno"),
  );
  return binaries.find((path) => existsSync(path));
}
