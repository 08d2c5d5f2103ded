import { randomBytes } from "node:crypto";
import { constants, copyFile, readFile, realpath, rename, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { TrainingError } from "../../../src/errors.ts";
import { writeError } from "../files.ts";

/** It stands in a run's folder while somebody trains there, and after a process that was killed. */
export const LOCK = "train.lock";

/** Locks of this process: its own number in a file that is not among them is an earlier process's, as happens in containers. */
const held = new Set<string>();

interface Holder {
  readonly pid: number;
  readonly host: string;
}

/**
 * Makes sure that one process at a time trains in a folder. A lock whose process is gone is taken over.
 * @returns gives the lock back
 * @throws TrainingError when another run has it; SourceError when the folder may not be written.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  let path = join(folder, LOCK);
  try {
    path = join(await realpath(folder), LOCK);
    const holder = `${JSON.stringify({ pid: process.pid, host: hostname() } satisfies Holder)}\n`;
    while (!(await createNew(path, holder))) await removeStale(path);
  } catch (cause) {
    throw cause instanceof TrainingError ? cause : writeError(path, cause);
  }
  held.add(path);
  return async () => {
    held.delete(path);
    await unlink(path).catch(() => undefined);
  };
}

/** @returns false when the file is there already */
async function createNew(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: "wx" });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw cause;
  }
}

/** @throws TrainingError when its process lives, or may live on another machine. */
async function removeStale(path: string): Promise<void> {
  const text = await contents(path);
  if (text === undefined) return;
  const holder = parse(text);
  if (held.has(path) || holder === undefined || mayLive(holder)) {
    const who = holder === undefined ? "another process" : `process ${holder.pid} on ${holder.host}`;
    throw new TrainingError(
      `another run trains in this ` +
        `folder (${who}); wait for it or give this one another folder. If there is no such process any more, remove the file`,
      { file: path },
    );
  }
  // Taken away by name: another process may have done so and locked the folder anew, and then gets its lock back.
  const away = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await rename(path, away);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return;
    throw cause;
  }
  if ((await contents(away)) !== text) await copyFile(away, path, constants.COPYFILE_EXCL).catch(() => undefined);
  await unlink(away).catch(() => undefined);
}

async function contents(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw cause;
  }
}

function parse(text: string): Holder | undefined {
  try {
    const { pid, host } = JSON.parse(text) as Partial<Holder>;
    return Number.isInteger(pid) && typeof host === "string" ? { pid: pid as number, host } : undefined;
  } catch {
    return undefined;
  }
}

/** Only a process of this machine can be looked for. */
function mayLive({ pid, host }: Holder): boolean {
  if (host !== hostname()) return true;
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // Another user's may not be signalled, but is there.
    return (cause as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
