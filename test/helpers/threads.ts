import { readdirSync } from "node:fs";
import { nodeThreads } from "../../host/node/threads.ts";
import { TEAM_JOBS } from "../../core/layout/team.ts";
import type { Host, Workers } from "../../src/host.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import { testHost } from "./test-host.ts";

/** The test host with Node's worker threads (they run dist/, as the engine does); `started` hears of each set of workers. */
export function threadedHost(base: Host = testHost, started: (workers: Workers) => void = () => {}): Host {
  return {
    ...base,
    threads: {
      cores: 2,
      start: async (...args) => {
        const workers = await nodeThreads.start(...args);
        started(workers);
        return workers;
      },
    },
  };
}

/** Calls that the threads of a model have shared so far. */
export function sharedCalls(model: ModelInstance): number {
  return new DataView(model.engine.memory.buffer).getInt32(model.engine.exports.team() + TEAM_JOBS, true);
}

/** Threads of this process; Linux only, else 0. */
export function liveThreads(): number {
  try {
    return readdirSync("/proc/self/task").length;
  } catch {
    return 0;
  }
}
