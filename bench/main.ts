import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { nodeHost } from "../host/node/index.ts";
import { UsageError } from "../src/errors.ts";
import type { Tier } from "../src/host.ts";
import type { ModelConfig } from "../src/architecture/config.ts";
import { loadModel } from "../src/load/load.ts";
import type { Quantization } from "../src/architecture/quantization.ts";
import { loadTokenizer } from "../src/text/load-tokenizer.ts";
import { benchDecode, type DecodeCase, type DecodeResult } from "./decode.ts";
import { benchFfn, type FfnResult } from "./ffn.ts";
import { benchKernels, type KernelResult } from "./kernels.ts";
import { benchLoad, type LoadResult } from "./load.ts";
import { benchNeighbour, type NeighbourResult } from "./neighbour.ts";
import { benchServer, type ServerReport } from "./server.ts";
import { SHAPES } from "../synthetic/shapes.ts";
import { benchSpeculate, type SpeculateResult } from "./speculate.ts";
import { syntheticModel, writeSynthetic } from "../synthetic/model.ts";

/** What a bench run is asked for. */
export interface BenchRequest {
  readonly parts: readonly BenchPart[];
  /** A packed model or folder. */
  readonly model: string;
  /** Names of synthetic/shapes.ts, run with synthetic weights. */
  readonly shapes: readonly string[];
  readonly quantizations: readonly Quantization[];
  readonly tiers: readonly Tier[];
  /** Thread counts that decode and prefill are measured with, side by side. */
  readonly threads: readonly number[];
  readonly quick: boolean;
  readonly onProgress: (what: string) => void;
}

export const PARTS = ["kernels", "decode", "ffn", "load", "neighbour", "speculate", "server"] as const;
export type BenchPart = (typeof PARTS)[number];

export interface BenchReport {
  readonly machine: { readonly cpu: string; readonly cores: number; readonly node: string };
  readonly kernels?: readonly KernelResult[];
  readonly decode?: readonly DecodeResult[];
  readonly ffn?: readonly FfnResult[];
  readonly load?: readonly LoadResult[];
  readonly neighbour?: readonly NeighbourResult[];
  readonly speculate?: readonly SpeculateResult[];
  readonly server?: ServerReport;
}

/** Text whose tokens the FFN measurement replays when the model has a tokenizer. */
const FFN_TEXT =
  "Once upon a time, there was a little girl named Lily. She loved to play with her toys and learn new things. One day, she " +
  "found a big box.";

/** Runs the parts asked for, one after the other. @throws UsageError for an unknown shape. */
export async function runBench(request: BenchRequest): Promise<BenchReport> {
  const has = (part: BenchPart): boolean => request.parts.includes(part);
  return {
    machine: { cpu: cpus()[0]?.model.trim() ?? "unknown", cores: cpus().length, node: process.version },
    ...(has("kernels")
      ? { kernels: await benchKernels(nodeHost, { quick: request.quick, onCase: (name) => request.onProgress(`kernel ${name}`) }) }
      : {}),
    ...(has("decode") ? { decode: await decodePart(request) } : {}),
    ...(has("ffn") ? { ffn: await ffnPart(request) } : {}),
    ...(has("speculate") ? { speculate: await speculatePart(request) } : {}),
    ...(has("server") ? { server: await benchServer(request.model, request.quick, request.onProgress) } : {}),
    ...(has("load") ? { load: await loadPart(request) } : {}),
    ...(has("neighbour") ? { neighbour: await neighbourPart(request) } : {}),
  };
}

/** The given model in its tiers, thread counts and FFN modes, side by side; then each synthetic shape in its thread counts. */
async function decodePart(request: BenchRequest): Promise<DecodeResult[]> {
  const rounds = request.quick ? 3 : 7;
  const groups: (() => Promise<DecodeCase[]>)[] = [
    async () => {
      const cases: DecodeCase[] = [];
      for (const tier of request.tiers) {
        for (const threads of request.threads) {
          const model = await loadModel(nodeHost, request.model, { tier, threads });
          for (const ffn of model.config.ffn.kind === "experts" ? (["sparse", "dense"] as const) : (["sparse"] as const))
            cases.push({ name: "model", model, ffn });
        }
      }
      return cases;
    },
  ];
  for (const name of request.shapes) {
    const config = shape(name);
    for (const quantization of request.quantizations) {
      for (const tier of request.tiers)
        groups.push(() =>
          Promise.all(
            request.threads.map(async (threads) => ({
              name,
              model: await syntheticModel(nodeHost, config, quantization, tier, threads),
              ffn: "sparse" as const,
            })),
          ),
        );
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

/** The given model, then each synthetic shape with the first weight type asked for. */
async function neighbourPart(request: BenchRequest): Promise<NeighbourResult[]> {
  const tier = request.tiers[request.tiers.length - 1] as Tier;
  const results = await benchNeighbour("model", (threads) => loadModel(nodeHost, request.model, { tier, threads }), request.onProgress);
  for (const name of request.shapes) {
    results.push(
      ...(await benchNeighbour(
        name,
        (threads) => syntheticModel(nodeHost, shape(name), request.quantizations[0] as Quantization, tier, threads),
        request.onProgress,
      )),
    );
  }
  return results;
}

function shape(name: string): ModelConfig {
  const config = SHAPES[name];
  if (config === undefined) throw new UsageError(`unknown shape ${name}; known are ${Object.keys(SHAPES).join(", ")}`, { field: "shape" });
  return config;
}

/** The given model, then each synthetic shape as a packed file that is gone afterwards. */
async function loadPart(request: BenchRequest): Promise<LoadResult[]> {
  const results = [await benchLoad("model", request.model, request.onProgress)];
  for (const name of request.shapes) {
    for (const quantization of request.quantizations) {
      const folder = await mkdtemp(join(tmpdir(), "blockffn-bench-"));
      try {
        const path = join(folder, `${name}.${quantization}.safetensors`);
        await writeSynthetic(nodeHost, shape(name), quantization, path);
        results.push(await benchLoad(`${name} ${quantization}`, path, request.onProgress));
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }
  }
  return results;
}

async function ffnPart(request: BenchRequest): Promise<FfnResult[]> {
  const results: FfnResult[] = [];
  request.onProgress("FFN, sparse and dense");
  const model = await loadModel(nodeHost, request.model, { tier: request.tiers[request.tiers.length - 1] as Tier, threads: 1 });
  if (model.config.ffn.kind === "experts") {
    const tokenizer = model.tokenizerJson === undefined ? undefined : loadTokenizer(model.tokenizerJson, "tokenizer.json");
    const ids =
      tokenizer === undefined
        ? Array.from({ length: 32 }, (_, i) => (i * 37) % model.config.vocabSize)
        : Array.from(tokenizer.encode(FFN_TEXT));
    results.push(benchFfn("model", model, ids));
  }
  model.dispose();
  return results;
}

async function speculatePart(request: BenchRequest): Promise<SpeculateResult[]> {
  const model = await loadModel(nodeHost, request.model, {
    tier: request.tiers[request.tiers.length - 1] as Tier,
    threads: request.threads[request.threads.length - 1] as number,
  });
  const tokenizer = model.tokenizerJson === undefined ? undefined : loadTokenizer(model.tokenizerJson, "tokenizer.json");
  const results = await benchSpeculate(model, tokenizer, { quick: request.quick, onProgress: request.onProgress });
  model.dispose();
  return results;
}
