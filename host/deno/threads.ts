import type { Threads } from "../../src/host.ts";
import { workerThreads } from "../node/worker-threads.ts";
import { likelyCores } from "../web/cores.ts";
import { PACKAGE_ROOT } from "./package.ts";

/** Threads of Deno. Their script is one file beside the engine (scripts/build-lib.mjs), so that they need no further permission. */
export const denoThreads: Threads = workerThreads(new URL("dist/engine/worker.js", PACKAGE_ROOT), likelyCores);
