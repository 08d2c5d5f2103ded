import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { installedPackage } from "../installed.ts";

/** The parts of playwright-core that the tests use; its own types are there only when it is installed. */
export interface Page {
  goto(url: string): Promise<unknown>;
  evaluate<A, T>(body: (argument: A) => T | Promise<T>, argument: A): Promise<T>;
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
export async function launchChromium(): Promise<{ context: Context; close(): Promise<void> }> {
  const { chromium } = (await import("playwright-core" as string)) as { chromium: { launchPersistentContext(profile: string, options: object): Promise<Context> } };
  const profile = mkdtempSync(join(tmpdir(), "blockffn-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumBinary() as string,
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
  });
  return {
    context,
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
