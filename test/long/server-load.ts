import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { PACKAGE_ROOT } from "../../host/package-root.ts";
import { denoBinary } from "../runtime/packages.ts";
import type { CheckOptions, Finding, LongCheck } from "./check.ts";
import { CLIENTS, type Outcome } from "./load-clients.ts";

const COUNT = 500;
const AT_ONCE = 32;
/** Milliseconds within which /healthz is to answer throughout, on an idle machine. */
const HEALTH_MS = { Node: 100, Deno: 200 } as const;
/** What a kind may come to; all others: 200. */
const MEANT: Readonly<Record<string, readonly Outcome[]>> = {
  "too long": [400],
  "too long a chat": [400],
  "left, whole": ["left"],
  "left, stream": ["left"],
  "left, unfinished body": ["left"],
};

export const serverLoad: LongCheck = {
  name: "server-load",
  about:
    `${COUNT} requests (--count), ${AT_ONCE} at once, to a server process on Node and on Deno: answers, refused prompts, slow bodies ` +
    "and clients that leave, while /healthz is asked all the time",
  async run(options) {
    const cli = fileURLToPath(new URL("dist/lib/", PACKAGE_ROOT));
    const deno = denoBinary();
    const findings = await load("Node", spawnServer(process.execPath, [`${cli}cli.js`]), options);
    if (deno === undefined) process.stderr.write("skipped: Deno is not installed; run npm ci in test/runtime\n");
    else {
      const server = spawnServer(deno, [
        "run",
        "--no-prompt",
        "--cached-only",
        "--allow-read",
        "--allow-net=127.0.0.1:0",
        `${cli}deno-cli.js`,
      ]);
      findings.push(...(await load("Deno", server, options)));
    }
    return findings;
  },
};

function spawnServer(program: string, args: readonly string[]): ChildProcess {
  return spawn(program, [...args, "serve", "--model", "nano", "--port", "0", "--tier", "simd", "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function load(host: keyof typeof HEALTH_MS, server: ChildProcess, { count = COUNT, onProgress }: CheckOptions): Promise<Finding[]> {
  try {
    const port = await portOf(server);
    server.stdout?.resume();
    const health = new Worker(new URL("./health-probe.js", import.meta.url), { workerData: { port } });
    const message = (): Promise<unknown> => new Promise((resolve, reject) => health.once("message", resolve).once("error", reject));
    await message();
    const times = message() as Promise<number[]>;
    const outcomes = new Map<string, number>();
    let [next, unmeant] = [0, 0];
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let i = next++; i < count; i = next++) {
          const { kind, run } = CLIENTS[i % CLIENTS.length]!;
          const outcome = await run(port, i);
          outcomes.set(`${kind}: ${outcome}`, (outcomes.get(`${kind}: ${outcome}`) ?? 0) + 1);
          if (!(MEANT[kind] ?? [200]).includes(outcome)) unmeant++;
          if (i % 10 === 0) onProgress?.(`${host}, ${i} of ${count}`);
        }
      }),
    );
    health.postMessage("stop");
    const sorted = (await times).sort((a, b) => a - b);
    const { active, waiting } = await idle(port);
    return [
      ...[...outcomes].sort().map(([what, value]) => ({ what: `${host}: ${what}`, value })),
      { what: `${host}: other than meant`, value: unmeant, limit: 0 },
      { what: `${host}: requests that still run or wait`, value: active + waiting, limit: 0 },
      { what: `${host}: resident at the end, MiB`, value: residentMib(server) },
      { what: `${host}: /healthz, questions`, value: sorted.length },
      { what: `${host}: /healthz, median ms`, value: sorted[sorted.length >> 1] ?? NaN },
      { what: `${host}: /healthz, 99th percentile ms`, value: sorted[Math.floor(sorted.length * 0.99)] ?? NaN },
      { what: `${host}: /healthz, slowest ms`, value: sorted.at(-1) ?? NaN, limit: HEALTH_MS[host] },
    ];
  } finally {
    server.kill("SIGKILL");
  }
}

function portOf(server: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    server.stdout?.once("data", (data: Buffer) => resolve((JSON.parse(data.toString().split("\n")[0] ?? "") as { port: number }).port));
    server.once("exit", () => reject(new Error("the server ended"))).once("error", reject);
  });
}

/** The server's counts, once what clients left behind has ended. */
async function idle(port: number): Promise<{ readonly active: number; readonly waiting: number }> {
  for (let tries = 0; ; tries++) {
    const counts = (await (await fetch(`http://127.0.0.1:${port}/healthz`)).json()) as { active: number; waiting: number };
    if (counts.active + counts.waiting === 0 || tries === 50) return counts;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function residentMib({ pid }: ChildProcess): number {
  if (process.platform !== "linux") return NaN;
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}
