import { cpus } from "node:os";
import { nodeHost } from "../host/node/index.ts";
import { UsageError } from "../src/errors.ts";
import type { Tier } from "../src/host.ts";
import { loadModel } from "../src/model/load.ts";
import type { Quantization } from "../src/model/types.ts";
import { loadTokenizer } from "../src/text/tokenizer.ts";
import { benchDecode, type DecodeCase, type DecodeResult } from "./decode.ts";
import { benchFfn, type FfnResult } from "./ffn.ts";
import { benchKernels, type KernelResult } from "./kernels.ts";
import { benchLoad, type LoadResult } from "./load.ts";
import { table } from "./measure.ts";
import { benchServer, type ServerReport } from "./server.ts";
import { SHAPES } from "./shapes.ts";
import { syntheticModel } from "./synthetic.ts";

/** What a bench run is asked for. */
export interface BenchRequest {
  readonly parts: readonly BenchPart[];
  /** A packed model or folder. */
  readonly model: string;
  /** Names of bench/shapes.ts, run with synthetic weights. */
  readonly shapes: readonly string[];
  readonly quantizations: readonly Quantization[];
  readonly tiers: readonly Tier[];
  readonly quick: boolean;
  readonly onProgress: (what: string) => void;
}

export const PARTS = ["kernels", "decode", "ffn", "load", "server"] as const;
export type BenchPart = (typeof PARTS)[number];

export interface BenchReport {
  readonly machine: { readonly cpu: string; readonly cores: number; readonly node: string };
  readonly kernels?: readonly KernelResult[];
  readonly decode?: readonly DecodeResult[];
  readonly ffn?: readonly FfnResult[];
  readonly load?: LoadResult;
  readonly server?: ServerReport;
}

/** Text whose tokens the FFN measurement replays when the model has a tokenizer. */
const FFN_TEXT = "Once upon a time, there was a little girl named Lily. She loved to play with her toys and learn new things. One day, she found a big box.";

/** Runs the parts asked for, one after the other. @throws UsageError for an unknown shape. */
export async function runBench(request: BenchRequest): Promise<BenchReport> {
  const has = (part: BenchPart): boolean => request.parts.includes(part);
  return {
    machine: { cpu: cpus()[0]?.model.trim() ?? "unknown", cores: cpus().length, node: process.version },
    ...(has("kernels") ? { kernels: await benchKernels(nodeHost, { quick: request.quick, onCase: (name) => request.onProgress(`kernel ${name}`) }) } : {}),
    ...(has("decode") ? { decode: await decodePart(request) } : {}),
    ...(has("ffn") ? { ffn: await ffnPart(request) } : {}),
    ...(has("server") ? { server: await benchServer(request.model, request.onProgress) } : {}),
    ...(has("load") ? { load: await benchLoad(request.model, request.onProgress) } : {}),
  };
}

/** The given model in its tiers and FFN modes, side by side; then each synthetic shape. */
async function decodePart(request: BenchRequest): Promise<DecodeResult[]> {
  const rounds = request.quick ? 3 : 7;
  const groups: (() => Promise<DecodeCase[]>)[] = [async () => {
    const cases: DecodeCase[] = [];
    for (const tier of request.tiers) {
      const model = await loadModel(nodeHost, request.model, { tier });
      for (const ffn of model.config.ffn.kind === "experts" ? (["sparse", "dense"] as const) : (["sparse"] as const)) cases.push({ name: "model", model, ffn });
    }
    return cases;
  }];
  for (const name of request.shapes) {
    const config = SHAPES[name];
    if (config === undefined) throw new UsageError(`unknown shape ${name}; known are ${Object.keys(SHAPES).join(", ")}`, { field: "shape" });
    for (const quantization of request.quantizations) {
      for (const tier of request.tiers) groups.push(async () => [{ name, model: await syntheticModel(nodeHost, config, quantization, tier), ffn: "sparse" }]);
    }
  }
  const results: DecodeResult[] = [];
  for (const group of groups) {
    const cases = await group();
    const what = cases.map(({ name, model }) => `${name} ${model.quantization} ${model.tier}`)[0] ?? "";
    results.push(...benchDecode(cases, rounds, (round) => request.onProgress(`decode ${what}, round ${round + 1} of ${rounds}`)));
    for (const { model } of cases) model.dispose();
  }
  return results;
}

async function ffnPart(request: BenchRequest): Promise<FfnResult[]> {
  const results: FfnResult[] = [];
  request.onProgress("FFN, sparse and dense");
  const model = await loadModel(nodeHost, request.model, { tier: request.tiers[request.tiers.length - 1] as Tier });
  if (model.config.ffn.kind === "experts") {
    const tokenizer = model.tokenizerJson === undefined ? undefined : loadTokenizer(model.tokenizerJson, "tokenizer.json");
    const ids = tokenizer === undefined ? Array.from({ length: 32 }, (_, i) => (i * 37) % model.config.vocabSize) : Array.from(tokenizer.encode(FFN_TEXT));
    results.push(benchFfn("model", model, ids));
  }
  model.dispose();
  return results;
}

/** The report as text tables. */
export function formatReport(report: BenchReport): string {
  const { machine } = report;
  const out = [`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; medians of alternating runs\n`];
  if (report.kernels !== undefined) {
    out.push(table(["kernel", "size", "tier", "us", "GB/s", "Gop/s", "x scalar"], report.kernels.map((k) => [
      k.kernel, k.size, k.tier, k.microseconds, k.gigabytesPerSecond, k.gigaopsPerSecond, k.speedup,
    ])));
  }
  if (report.decode !== undefined) {
    out.push(table(["model", "weights", "tier", "ffn", "MB", "decode tok/s", "prefill tok/s"], report.decode.map((d) => [
      d.model, d.quantization, d.tier, d.ffn, d.weightBytes / 1e6, d.decodeTokensPerSecond, d.prefillTokensPerSecond,
    ])));
  }
  if (report.ffn !== undefined && report.ffn.length > 0) {
    out.push(table(["model", "weights", "dense us/token", "sparse us/token", "ratio", "1 - TLS", "ratio / bound"], report.ffn.map((f) => [
      f.model, f.quantization, f.denseMicroseconds, f.sparseMicroseconds, f.ratio, f.bound, f.overBound,
    ])));
  }
  if (report.load !== undefined) {
    const l = report.load;
    out.push(table(["file MB", "read ms", "load ms", "load / read", "peak RSS MB", "KV cache MB", "RSS - file - KV"], [[
      l.fileBytes / 1e6, l.readMs, l.loadMs, l.loadMs / l.readMs, l.peakRssBytes / 1e6, l.cacheBytes / 1e6, (l.peakRssBytes - l.fileBytes - l.cacheBytes) / 1e6,
    ]]));
  }
  if (report.server !== undefined) {
    out.push(table(["server", "requests at once", "tok/s in all"], report.server.results.map((r) => [r.how, r.requests, r.tokensPerSecond])));
    out.push(`first answer ${report.server.firstAnswerMs.toFixed(0)} ms after the process starts\n`);
  }
  return out.join("\n");
}
