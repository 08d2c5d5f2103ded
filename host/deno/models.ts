import type { Disk } from "../local-files.ts";
import { Models } from "../models.ts";
import { denoEnv } from "./env.ts";
import { denoDisk, localPath, sourceError } from "./files.ts";
import { DEFAULT_MODEL, filePath, PACKAGE_ROOT } from "./package.ts";
import { deno } from "./runtime.ts";

/** Models as this process finds them now: its working directory and permissions may change. */
export function denoModels(): Models {
  return new Models({
    disk: denoDisk,
    lookup: unasked,
    starts: () => [...workingDirectory(), filePath(PACKAGE_ROOT)],
    workspace: filePath(new URL("models", PACKAGE_ROOT)),
    builtIn: { nano: DEFAULT_MODEL },
    pathOf: localPath,
    cache: async () => (await import("../node/cache.ts")).openCache(denoEnv, denoDisk),
  });
}

/** Looking for a package must not ask for leave to read each folder that might have it. */
const unasked: Disk = {
  ...denoDisk,
  find: async (path) => {
    if (!mayRead(path)) throw sourceError(path, new deno.errors.NotCapable());
    return denoDisk.find(path);
  },
};

function mayRead(path: string): boolean {
  return deno.permissions.querySync({ name: "read", path }).state === "granted";
}

function workingDirectory(): string[] {
  return mayRead(".") ? [deno.cwd()] : [];
}
