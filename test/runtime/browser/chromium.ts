import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { installedPackage } from "../installed.ts";

/** The parts of playwright-core that the tests use; its own types are there only when it is installed. */
export interface Page {
  goto(url: string): Promise<unknown>;
  evaluate<A, T>(body: (argument: A) => T | Promise<T>, argument: A): Promise<T>;
  evaluate(expression: string): Promise<unknown>;
  waitForFunction<A>(body: (argument: A) => unknown, argument: A, options?: { timeout?: number }): Promise<unknown>;
  click(selector: string): Promise<void>;
  fill(selector: string, text: string): Promise<void>;
  selectOption(selector: string, value: string): Promise<unknown>;
  check(selector: string): Promise<void>;
  focus(selector: string): Promise<void>;
  textContent(selector: string): Promise<string | null>;
  setViewportSize(size: { width: number; height: number }): Promise<void>;
  emulateMedia(options: { colorScheme?: "light" | "dark"; reducedMotion?: "reduce" }): Promise<void>;
  screenshot(options: { path?: string; fullPage?: boolean }): Promise<Buffer>;
  on(event: "pageerror", listener: (error: Error) => void): void;
  on(event: "console", listener: (message: { type(): string; text(): string }) => void): void;
  keyboard: { press(key: string): Promise<void> };
  close(): Promise<void>;
}
export interface Context {
  newPage(): Promise<Page>;
  newCDPSession(page: Page): Promise<{ send(method: string, parameters: object): Promise<unknown> }>;
  close(): Promise<void>;
}

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/** Chromium and the package that drives it: BLOCKFFN_CHROMIUM, or the first of the usual names on PATH. */
export function chromiumBinary(): string | undefined {
  if (installedPackage("playwright-core") === undefined) return undefined;
  const named = process.env["BLOCKFFN_CHROMIUM"];
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return named ?? NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

/** A headless Chromium with an empty profile. `close()` ends it and removes the profile. */
export async function launchChromium(): Promise<{ context: Context; profile: string; close(): Promise<void> }> {
  const { chromium } = (await import("playwright-core" as string)) as {
    chromium: { launchPersistentContext(profile: string, options: object): Promise<Context> };
  };
  const profile = mkdtempSync(join(tmpdir(), "blockffn-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumBinary() as string,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-dev-shm-usage",
    ],
  });
  return {
    context,
    profile,
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** Threads of web workers that live in the Chromium with a profile (Linux). */
export function workerThreads(profile: string): number {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const [parent] = pids.filter(
    (pid) => read(`/proc/${pid}/cmdline`).includes(`--user-data-dir=${profile}`) && !read(`/proc/${pid}/cmdline`).includes("--type="),
  );
  const family = new Set([parent]);
  // Renderers are children of children.
  for (let size = 0; size !== family.size;) {
    size = family.size;
    for (const pid of pids) if (family.has(/\) \S+ (\d+)/.exec(read(`/proc/${pid}/stat`))?.[1])) family.add(pid);
  }
  return [...family].flatMap((pid) => tasks(pid ?? "")).filter((name) => name.startsWith("DedicatedWorker")).length;
}

function tasks(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((task) => read(`/proc/${pid}/task/${task}/comm`));
  } catch {
    return [];
  }
}

/** A file of /proc; empty when what it tells of has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
