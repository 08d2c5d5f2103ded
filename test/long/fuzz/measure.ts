import { readFileSync, writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What some work took: the longest that the event loop stood still, in milliseconds, and memory beside what was there, in bytes. */
export interface Cost {
  readonly blockMs: number;
  /** NaN where the system does not tell a process its peak. */
  readonly bytes: number;
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Does some work and measures it. */
export async function measured<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly cost: Cost }> {
  collect();
  const before = forgetPeak();
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const cpu = process.cpuUsage();
  const value = await work();
  // One turn, so that the last block is seen too.
  await new Promise((resolve) => setTimeout(resolve, 6));
  delay.disable();
  const { user, system } = process.cpuUsage(cpu);
  // Other processes may hold the machine: no block of this one is longer than what it computed.
  return { value, cost: { blockMs: Math.min(delay.max / 1e6, (user + system) / 1000), bytes: peak() - before } };
}

/** Sets the peak back to what is there now. @returns bytes */
function forgetPeak(): number {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    return NaN;
  }
  return status("VmRSS");
}

function peak(): number {
  try {
    return status("VmHWM");
  } catch {
    return NaN;
  }
}

function status(name: string): number {
  return 1024 * Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}
