import process from "node:process";
import { fileURLToPath } from "node:url";
import { Models } from "../models.ts";
import { localPath, nodeDisk } from "./files.ts";
import { DEFAULT_MODEL, PACKAGE_ROOT } from "./package.ts";

/** Models as this process finds them now: its working directory and environment may change. */
export function nodeModels(): Models {
  const root = fileURLToPath(PACKAGE_ROOT);
  return new Models({
    disk: nodeDisk,
    lookup: nodeDisk,
    starts: () => [process.cwd(), root],
    workspace: fileURLToPath(new URL("models", PACKAGE_ROOT)),
    builtIn: { nano: DEFAULT_MODEL },
    pathOf: localPath,
    cache: async () => (await import("./cache.ts")).openCache((name) => process.env[name], nodeDisk),
  });
}
