import { readFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";

/** Physical cores that this process may use: two threads of one core share its arithmetic. */
export function physicalCores(): number {
  const logical = availableParallelism();
  const cores = linuxCores() ?? Math.ceil(cpus().length / (process.arch === "x64" && process.platform !== "darwin" ? 2 : 1));
  return Math.max(1, Math.min(logical, cores));
}

/** Cores as Linux counts them; undefined elsewhere. */
function linuxCores(): number | undefined {
  const siblings = new Set<string>();
  try {
    for (let i = 0; i < cpus().length; i++)
      siblings.add(readFileSync(`/sys/devices/system/cpu/cpu${i}/topology/thread_siblings_list`, "utf8"));
  } catch {
    return undefined;
  }
  return siblings.size === 0 ? undefined : siblings.size;
}
