import { spawnSync } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { nodeHost, PACKAGE_ROOT } from "../host/node/index.ts";
import { BlockFFNError, UsageError } from "../src/errors.ts";
import { loadModel } from "../src/model/load.ts";
import { cacheRowBytes } from "../src/model/cache.ts";
import { median } from "./measure.ts";

export interface LoadResult {
  readonly fileBytes: number;
  /** fs.readFile of the file, from the page cache into fresh memory, and loading it as a model: medians of alternating runs. */
  readonly readMs: number;
  readonly loadMs: number;
  /** Of a whole `blockffn generate` process. */
  readonly peakRssBytes: number;
  /** KV cache of that process. */
  readonly cacheBytes: number;
}

const ROUNDS = 9;
const CONTEXT = 256;

/** Load time against reading the same file, and the peak memory of a `generate` process. */
export async function benchLoad(path: string, onProgress: (what: string) => void): Promise<LoadResult> {
  if (!(await stat(path)).isFile()) throw new UsageError("load is measured on a packed file; convert the folder first", { file: path });
  const reads: number[] = [];
  // Kept alive, so that each read goes into memory that the process has not used before, as a load's does.
  const kept: Uint8Array[] = [];
  const loads: number[] = [];
  let cacheBytes = 0;
  await nodeHost.engine("simd");
  await nodeHost.engine("simd", true);
  for (let round = -1; round < ROUNDS; round++) {
    onProgress(`load, round ${round + 1} of ${ROUNDS}`);
    const readStart = performance.now();
    kept.push(await readFile(path));
    const readMs = performance.now() - readStart;
    const start = performance.now();
    const model = await loadModel(nodeHost, path);
    const loadMs = performance.now() - start;
    const row = cacheRowBytes(model.config);
    cacheBytes = CONTEXT * model.config.layers * (row.keys + row.values);
    model.dispose();
    if (round < 0) continue;
    reads.push(readMs);
    loads.push(loadMs);
  }
  return { fileBytes: (await stat(path)).size, readMs: median(reads), loadMs: median(loads), peakRssBytes: peakRss(path), cacheBytes };
}

/** Peak resident bytes of a `generate` process that fills a context of CONTEXT tokens. */
function peakRss(path: string): number {
  const cli = fileURLToPath(new URL("dist/cli/main.js", PACKAGE_ROOT));
  // VmHWM of the process itself: maxRSS of a spawned process counts the pages of the one that spawned it.
  const report = "import{readFileSync}from'node:fs';process.on('exit',()=>{let kb=process.resourceUsage().maxRSS;try{kb=/VmHWM:\\s*(\\d+)/.exec(readFileSync('/proc/self/status','utf8'))[1]}catch{}process.stderr.write('\\nmaxrss '+kb)})";
  const args = ["--import", `data:text/javascript,${encodeURIComponent(report)}`, cli, "generate", "--tokens", "1,2,3,4,5", "--model", path, "--context", String(CONTEXT), "--max-tokens", "200", "--ignore-eos"];
  const { stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  const match = /maxrss (\d+)/.exec(stderr);
  if (status !== 0 || match === null) throw new BlockFFNError(`generate failed while its memory was measured: ${stderr.slice(0, 300)}`);
  return Number(match[1]) * 1024;
}
