import { randomBytes } from "node:crypto";
import { constants, copyFile, readFile, rename, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import process from "node:process";

/** Locks of this process: its own number in a file that is not among them is an earlier process's, as happens in containers. */
const held = new Set<string>();

interface Holder {
  readonly pid: number;
  readonly host: string;
}

/** A lock that was had, or who has it. */
export type Attempt = { readonly release: () => Promise<void> } | { readonly holder: string };

/**
 * Takes a lock: a file that names the process which has it. A lock whose process is gone is taken over.
 * @param path the same text for the same file: it tells this process's own locks
 * @throws the system's error when the file cannot be written.
 */
export async function tryLock(path: string): Promise<Attempt> {
  const own = `${JSON.stringify({ pid: process.pid, host: machine() } satisfies Holder)}\n`;
  while (!(await createNew(path, own))) {
    const holder = await removeStale(path);
    if (holder !== undefined) return { holder };
  }
  held.add(path);
  return {
    release: async () => {
      held.delete(path);
      await unlink(path).catch(() => undefined);
    },
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

/** @returns who has it, when its process lives, or may live on another machine. */
async function removeStale(path: string): Promise<string | undefined> {
  const text = await contents(path);
  if (text === undefined) return undefined;
  const holder = parse(text);
  if (held.has(path) || holder === undefined || mayLive(holder))
    return holder === undefined ? "another process" : `process ${holder.pid} on ${holder.host}`;
  // Taken away by name: another process may have done so and locked the folder anew, and then gets its lock back.
  const away = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await rename(path, away);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw cause;
  }
  if ((await contents(away)) !== text) await copyFile(away, path, constants.COPYFILE_EXCL).catch(() => undefined);
  await unlink(away).catch(() => undefined);
  return undefined;
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

/** Deno tells it with leave only. */
function machine(): string {
  try {
    return hostname();
  } catch {
    return "this machine";
  }
}

/** Only a process of this machine can be looked for. */
function mayLive({ pid, host }: Holder): boolean {
  if (host !== machine()) return true;
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // Another user's may not be signalled, but is there.
    return (cause as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
