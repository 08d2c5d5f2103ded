import { spawnSync } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { loadModel } from "../host/node/index.ts";
import { PACKAGE_ROOT } from "../host/node/package.ts";
import { BlockFFNError, UsageError } from "../src/errors.ts";
import { cacheRowBytes } from "../src/engine/cache.ts";
import { median } from "./measure.ts";

/** Milliseconds of reading a file with fs.promises.readFile and of loading it as a model, measured alternately. */
export interface ReadAndLoad {
  readonly readMs: number;
  readonly loadMs: number;
}

export interface LoadResult {
  readonly model: string;
  readonly fileBytes: number;
  /** Read and dropped, loaded and disposed, again and again in one process: medians. Both use memory again where they can. */
  readonly repeated: ReadAndLoad;
  /** Everything that was read and loaded is kept, so that each run gets memory which the process has not used before: medians. */
  readonly fresh: ReadAndLoad;
  /**
   * The first thing that a process does, each in processes of its own, in turn: nothing is compiled yet. `loadMs` is loadModel alone,
   * `importMs` what importing `blockffn/node` took before it; starting the process counts on neither side. Medians.
   */
  readonly first: ReadAndLoad & { readonly importMs: number };
  /** Making the tokenizer, which waits for its first use: median; null for a model without one. */
  readonly tokenizerMs: number | null;
  /** Of a whole `blockffn generate` process. */
  readonly peakRssBytes: number;
  /** KV cache of that process. */
  readonly cacheBytes: number;
}

const ROUNDS = 21;
const PROCESSES = 11;
/** Memory that the fresh runs may keep. */
const KEPT_BYTES = 600e6;
const CONTEXT = 256;

/** Load time of a packed file against reading it, and the peak memory of a `generate` process. */
export async function benchLoad(name: string, path: string, onProgress: (what: string) => void): Promise<LoadResult> {
  const found = await stat(path);
  if (!found.isFile()) throw new UsageError("load is measured on a packed file; convert the folder first", { file: path });
  // Before this process holds much memory, which would slow down the start of others.
  onProgress(`load ${name}, first in a process`);
  const first = measureFirst(path);
  const peakRssBytes = peakRss(path);
  const { cacheBytes, tokenizerMs } = await inspectLoaded(path);
  const repeated = await alternate(ROUNDS, (round) => onProgress(`load ${name}, round ${round} of ${ROUNDS}`), {
    read: async () => void (await readFile(path)),
    load: async () => (await loadModel(path)).dispose(),
  });
  const rounds = Math.max(2, Math.min(9, Math.floor(KEPT_BYTES / 2 / found.size) - 1));
  const kept: unknown[] = [];
  const fresh = await alternate(rounds, (round) => onProgress(`load ${name} into fresh memory, round ${round} of ${rounds}`), {
    read: async () => void kept.push(await readFile(path)),
    load: async () => void kept.push(await loadModel(path)),
  });
  return { model: name, fileBytes: found.size, repeated, fresh, first, tokenizerMs, peakRssBytes, cacheBytes };
}

/** Medians of alternating runs, after one round that does not count. */
async function alternate(
  rounds: number,
  onRound: (round: number) => void,
  run: { read: () => Promise<void>; load: () => Promise<void> },
): Promise<ReadAndLoad> {
  const reads: number[] = [];
  const loads: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    onRound(round);
    const readMs = await timed(run.read);
    const loadMs = await timed(run.load);
    if (round === 0) continue;
    reads.push(readMs);
    loads.push(loadMs);
  }
  return { readMs: median(reads), loadMs: median(loads) };
}

async function timed(run: () => unknown): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** KV cache of a context, and how long the tokenizer takes when all is warm. */
async function inspectLoaded(path: string): Promise<{ cacheBytes: number; tokenizerMs: number | null }> {
  let cacheBytes = 0;
  const times: number[] = [];
  for (let round = 0; round < 5; round++) {
    const model = await loadModel(path);
    const row = cacheRowBytes(model.config);
    cacheBytes = Math.min(CONTEXT, model.config.contextLength) * model.config.layers * (row.keys + row.values);
    if (model.loaded.tokenizerJson !== undefined) times.push(await timed(() => model.tokenizer));
    model.dispose();
  }
  return { cacheBytes, tokenizerMs: times.length === 0 ? null : median(times) };
}

const FIRST_READ = `import { readFile } from "node:fs/promises";
const start = performance.now();
await readFile(process.argv[1]);
console.log(performance.now() - start);`;

const FIRST_LOAD = `const start = performance.now();
const { loadModel } = await import(${JSON.stringify(new URL("dist/lib/node.js", PACKAGE_ROOT).href)});
const imported = performance.now();
await loadModel(process.argv[1]);
console.log(performance.now() - imported, imported - start);`;

function measureFirst(path: string): LoadResult["first"] {
  const runs = Array.from({ length: PROCESSES }, () => {
    const [readMs] = processMs(FIRST_READ, path);
    const [loadMs, importMs] = processMs(FIRST_LOAD, path);
    return { readMs, loadMs, importMs } as { [K in keyof LoadResult["first"]]: number };
  });
  const middle = (key: keyof LoadResult["first"]): number => median(runs.map((run) => run[key]));
  return { readMs: middle("readMs"), loadMs: middle("loadMs"), importMs: middle("importMs") };
}

/** What a script prints in a process of its own. */
function processMs(script: string, path: string): number[] {
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "--eval", script, path], { encoding: "utf8" });
  const times = stdout.split(" ").map(Number);
  if (status !== 0 || !times.every((ms) => ms > 0))
    throw new BlockFFNError(`a process failed while its first load was measured: ${stderr.slice(0, 300)}`);
  return times;
}

/** Peak resident bytes of a `generate` process that fills a context of CONTEXT tokens. */
function peakRss(path: string): number {
  const cli = fileURLToPath(new URL("dist/lib/cli.js", PACKAGE_ROOT));
  // VmHWM of the process itself: maxRSS of a spawned process counts the pages of the one that spawned it.
  const report =
    "import{readFileSync}from'node:fs';process.on('exit',()=>{let " +
    "kb=process.resourceUsage().maxRSS;try{kb=/VmHWM:\\s*(\\d+)/.exec(readFileSync('/proc/self/status','utf8'))[1]}catch{}" +
    "process.stderr.write('\\nmaxrss '+kb)})";
  const args = [
    "--import",
    `data:text/javascript,${encodeURIComponent(report)}`,
    cli,
    "generate",
    "--tokens",
    "1,2,3,4,5",
    "--model",
    path,
    "--context",
    String(CONTEXT),
    "--max-tokens",
    "200",
    "--ignore-eos",
  ];
  const { stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  const match = /maxrss (\d+)/.exec(stderr);
  if (status !== 0 || match === null) throw new BlockFFNError(`generate failed while its memory was measured: ${stderr.slice(0, 300)}`);
  return Number(match[1]) * 1024;
}
