// Cloudflare's runtime on this machine, for the tests and benchmarks of host/cloudflare. Its packages are those of
// test/runtime (npm ci there): users of blockffn never install them.
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { PACKAGE_ROOT } from "../../../host/node/package.ts";

const ROOT = fileURLToPath(PACKAGE_ROOT);
const RUNTIME = join(ROOT, "test/runtime");

export const COMPATIBILITY_DATE = "2026-04-01";
export const WRANGLER = join(RUNTIME, "node_modules/wrangler/bin/wrangler.js");
/** No reports, no questions. */
export const WRANGLER_ENV = { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true", NO_COLOR: "1" };

/** Are wrangler and workerd there? */
export function workerdInstalled(): boolean {
  return existsSync(WRANGLER) && existsSync(join(RUNTIME, "node_modules/miniflare"));
}

/** examples/workers as after `npm install`, in a temporary folder. */
export function exampleProject(): { folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "blockffn-worker-"));
  for (const name of ["package.json", "wrangler.jsonc", "src"])
    cpSync(join(ROOT, "examples/workers", name), join(folder, name), { recursive: true });
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(ROOT, join(folder, "node_modules/blockffn"));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The files that `wrangler deploy` would upload: the script and what it imports. */
export async function bundle(folder: string): Promise<Map<string, Buffer>> {
  const out = join(folder, "out");
  await promisify(execFile)(process.execPath, [WRANGLER, "deploy", "--dry-run", "--outdir", out], { cwd: folder, env: WRANGLER_ENV });
  const names = readdirSync(out).filter((name) => /\.(js|wasm)$/.test(name));
  return new Map(names.map((name) => [name, readFileSync(join(out, name))]));
}

/** The parts of Miniflare that are used. */
export interface Miniflare {
  readonly ready: Promise<URL>;
  getInspectorURL(): Promise<URL>;
  getR2Bucket(name: string): Promise<{ put(key: string, value: ArrayBuffer): Promise<unknown> }>;
  getKVNamespace(name: string): Promise<{ put(key: string, value: ArrayBuffer, options?: { metadata: unknown }): Promise<void> }>;
  dispose(): Promise<void>;
}

/** Starts workerd with a Worker of these files; index.js is its script. */
export function startWorkerd(files: ReadonlyMap<string, string | Uint8Array>, options: object = {}): Miniflare {
  const { Miniflare } = createRequire(join(RUNTIME, "package.json"))("miniflare") as { Miniflare: new (options: object) => Miniflare };
  const order = [...files.keys()].sort((a, b) => Number(b === "index.js") - Number(a === "index.js"));
  return new Miniflare({
    modules: order.map((name) => ({
      type: name.endsWith(".wasm") ? "CompiledWasm" : "ESModule",
      path: join(tmpdir(), name),
      contents: files.get(name),
    })),
    modulesRoot: tmpdir(),
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: ["enable_request_signal"],
    cf: false,
    ...options,
  });
}

/** The package's models as static assets, as the example has them. */
export const MODEL_ASSETS = {
  assets: {
    directory: join(ROOT, "models"),
    binding: "ASSETS",
    routerConfig: { has_user_worker: true, invoke_user_worker_ahead_of_assets: true },
  },
};

/** Process ids of the workerd children of this process (Linux). */
export function workerdProcesses(): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      if (!Number.isInteger(pid)) return false;
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        return stat.includes("(workerd)") && Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === process.pid;
      } catch {
        return false;
      }
    });
}

/** Most memory that a process has had resident, in MB (Linux). */
export function peakMegabytes(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1e3;
}

/** V8's heap of the Worker, by the inspector, in MB. WebAssembly memory is not in it. */
export async function heapMegabytes(worker: Miniflare): Promise<{ used: number; total: number }> {
  const WebSocket = createRequire(join(RUNTIME, "package.json"))("ws") as new (url: string) => {
    on(event: string, listener: (data: unknown) => void): void;
    send(text: string): void;
    close(): void;
  };
  const socket = new WebSocket(`${(await worker.getInspectorURL()).href}core:user:`);
  try {
    const answer = await new Promise<{ result: { usedSize: number; totalSize: number } }>((resolve, reject) => {
      socket.on("error", reject);
      socket.on("open", () => socket.send(JSON.stringify({ id: 1, method: "Runtime.getHeapUsage" })));
      socket.on("message", (data) => resolve(JSON.parse(String(data)) as { result: { usedSize: number; totalSize: number } }));
    });
    return { used: answer.result.usedSize / 1e6, total: answer.result.totalSize / 1e6 };
  } finally {
    socket.close();
  }
}

/** Asks for a streamed chat completion. `firstMs`: until the first text; the rest is read to the end. */
export async function streamChat(
  origin: string,
  content: string,
  maxTokens: number,
): Promise<{ firstMs: number; totalMs: number; text: string }> {
  const start = performance.now();
  const response = await fetch(new URL("/v1/chat/completions", origin), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ messages: [{ role: "user", content }], max_tokens: maxTokens, temperature: 0, stream: true }),
  });
  if (!response.ok || response.body === null) throw new Error(`${response.status} ${await response.text()}`);
  let firstMs = 0;
  let text = "";
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith("data: {")) continue;
      const said = (JSON.parse(line.slice(6)) as { choices: { delta: { content?: string } }[] }).choices[0]?.delta.content ?? "";
      if (said !== "" && firstMs === 0) firstMs = performance.now() - start;
      text += said;
    }
  }
  return { firstMs, totalMs: performance.now() - start, text };
}
