// How much processor time a process and its descendants have used (Linux; elsewhere unknown).
import { readFileSync, readdirSync } from "node:fs";

const TICKS_PER_SECOND = 100; // USER_HZ, fixed in Linux's interface

/** All processes as [pid, parent, seconds]. */
function processes() {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        // The command's name, in parentheses, may hold spaces: fields count from behind it.
        const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(")").pop().trim().split(" ");
        return [[Number(pid), Number(fields[1]), (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND]];
      } catch {
        return []; // ended meanwhile
      }
    });
}

/** Seconds of processor time of `root` and all its living descendants; undefined where /proc is missing. */
export function cpuSeconds(root) {
  if (process.platform !== "linux") return undefined;
  const all = processes();
  const family = new Set([root]);
  for (let grew = true; grew;) {
    grew = false;
    for (const [pid, parent] of all) {
      if (family.has(parent) && !family.has(pid)) {
        family.add(pid);
        grew = true;
      }
    }
  }
  return all.reduce((sum, [pid, , seconds]) => sum + (family.has(pid) ? seconds : 0), 0);
}
