// Cloudflare Workers, on the real runtime: node bench/dist/workers.js (after npm ci in test/runtime)
import { gzipSync } from "node:zlib";
import {
  bundle,
  exampleProject,
  heapMegabytes,
  MODEL_ASSETS,
  peakMegabytes,
  startWorkerd,
  streamChat,
  workerdInstalled,
  workerdProcesses,
} from "../test/runtime/workerd/start.ts";

const ROUNDS = 7;
const NEW_TOKENS = 64;
const EMPTY = new Map([
  [
    "index.js",
    `export default { fetch: async (request, env) => { await (await env.ASSETS.fetch("https://assets.local/none")).text(); ` +
      `return new Response("{}"); } };`,
  ],
]);
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

interface Round {
  readonly readyMs: number;
  /** Peak RSS, MB. */
  readonly peak: number;
  /** Milliseconds to the first token of the first and of the second request. */
  readonly cold?: number;
  readonly warm?: number;
  readonly tokensPerSecond?: number;
  /** MB. */
  readonly heap?: { readonly used: number; readonly total: number };
}

/** A fresh workerd: time until it answers at all, until the first token of its first request, and its memory. */
async function coldStart(files: ReadonlyMap<string, string | Uint8Array>, empty: boolean): Promise<Round> {
  const start = performance.now();
  const before = new Set(workerdProcesses());
  const worker = startWorkerd(files, { ...MODEL_ASSETS, inspectorPort: 0 });
  try {
    const origin = (await worker.ready).href;
    const readyMs = performance.now() - start;
    const pid = workerdProcesses().find((candidate) => !before.has(candidate)) as number;
    if (empty) {
      await (await fetch(origin)).text();
      return { readyMs, peak: peakMegabytes(pid) };
    }
    const cold = await streamChat(origin, "Once upon a time", NEW_TOKENS);
    const warm = await streamChat(origin, "Once upon a time", NEW_TOKENS);
    return {
      readyMs,
      cold: cold.firstMs,
      warm: warm.firstMs,
      tokensPerSecond: (NEW_TOKENS * 1000) / warm.totalMs,
      peak: peakMegabytes(pid),
      heap: await heapMegabytes(worker),
    };
  } finally {
    await worker.dispose();
  }
}

async function main(): Promise<void> {
  if (!workerdInstalled()) throw new Error("workerd is not installed; run npm ci in test/runtime");
  const project = exampleProject();
  try {
    const files = await bundle(project.folder);
    for (const [name, bytes] of files)
      console.log(`${name.padEnd(64)} ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} gzip`);
    const rounds: Round[] = [];
    const baselines: number[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      rounds.push(await coldStart(files, false));
      baselines.push((await coldStart(EMPTY, true)).peak);
    }
    const of = (pick: (round: Round) => number | undefined): string => median(rounds.map((round) => pick(round) ?? Number.NaN)).toFixed(1);
    console.log(`\nmedians of ${ROUNDS} fresh workerd processes`);
    console.log(`process start to ready            ${of(({ readyMs }) => readyMs)} ms`);
    console.log(`first request to first token      ${of(({ cold }) => cold)} ms (loads the model)`);
    console.log(`second request to first token     ${of(({ warm }) => warm)} ms`);
    console.log(`tokens a second, whole request    ${of(({ tokensPerSecond }) => tokensPerSecond)}`);
    console.log(`peak RSS of workerd               ${of(({ peak }) => peak)} MB`);
    console.log(`... with an empty Worker instead  ${median(baselines).toFixed(1)} MB`);
    console.log(`difference                        ${median(rounds.map(({ peak }, i) => peak - (baselines[i] as number))).toFixed(1)} MB`);
    console.log(`V8 heap used / reserved           ${of(({ heap }) => heap?.used)} / ${of(({ heap }) => heap?.total)} MB`);
  } finally {
    project.remove();
  }
}

await main();
