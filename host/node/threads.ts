import type { Threads } from "../../src/host.ts";
import { physicalCores } from "./cores.ts";
import { PACKAGE_ROOT } from "./package.ts";
import { workerThreads } from "./worker-threads.ts";

/** Threads of Node. They run JavaScript as it was built (scripts/build-lib.mjs), like the engine. */
export const nodeThreads: Threads = workerThreads(new URL("dist/engine/worker.js", PACKAGE_ROOT), physicalCores);
