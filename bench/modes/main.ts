import { cpus } from "node:os";
import { nodeHost } from "../../host/node/index.ts";
import { packageVersion } from "../../host/node/package.ts";
import { UsageError } from "../../src/errors.ts";
import type { Tier } from "../../src/host.ts";
import { loadModel } from "../../src/load/load.ts";
import { loadEagle } from "../../src/load/eagle.ts";
import type { Quantization } from "../../src/architecture/quantization.ts";
import { SHAPES } from "../../synthetic/shapes.ts";
import type { BenchPrompt } from "../../src/suite/spec-bench.ts";
import { STORY_PROMPTS } from "./prompts.ts";
import { measureModel } from "./real.ts";
import { onAllThreads } from "../../synthetic/threads.ts";
import { measureShape } from "./simulated.ts";
import type { RunSettings } from "./settings.ts";
import type { ModelReport, ModesReport } from "./types.ts";

/** What a modes run is asked for. */
export interface ModesRequest {
  /** A packed model or folder; undefined for synthetic shapes only. */
  readonly model: string | undefined;
  /** Folder of an EAGLE head of the model; without it, the one that the model carries. */
  readonly draft: string | undefined;
  /** Names of synthetic/shapes.ts with published sparsity. */
  readonly shapes: readonly string[];
  readonly quantizations: readonly Quantization[];
  readonly tier: Tier;
  readonly threads: readonly number[];
  /** Default: stories. */
  readonly prompts: readonly BenchPrompt[] | undefined;
  readonly maxTokens: number;
  readonly sizes: readonly number[];
  readonly rounds: number;
  readonly quick: boolean;
  readonly onProgress: (what: string) => void;
}

/** The paper's table 6 for a model, or for published shapes with synthetic weights. @throws UsageError for an unknown shape. */
export async function runModes(request: ModesRequest): Promise<ModesReport> {
  const { tier, sizes, rounds, onProgress } = request;
  const unknown = request.shapes.find((name) => SHAPES[name] === undefined);
  if (unknown !== undefined)
    throw new UsageError(`unknown shape ${unknown}; known are ${Object.keys(SHAPES).join(", ")}`, { field: "shape" });
  const models: ModelReport[] = [];
  for (const threads of request.threads) {
    const settings: RunSettings = { tier, threads, sizes, rounds, minMs: request.quick ? 0 : 200, onProgress };
    if (request.model !== undefined) models.push(await realModel(request.model, request, settings));
    for (const name of request.shapes) {
      for (const quantization of request.quantizations) {
        models.push(await measureShape(nodeHost, name, SHAPES[name] as NonNullable<(typeof SHAPES)[string]>, quantization, settings));
      }
    }
  }
  return {
    machine: { cpu: cpus()[0]?.model.trim() ?? "unknown", cores: cpus().length, node: process.version },
    version: packageVersion(),
    models,
  };
}

async function realModel(location: string, request: ModesRequest, settings: RunSettings): Promise<ModelReport> {
  request.onProgress("loading the model");
  const model = onAllThreads(await loadModel(nodeHost, location, { tier: settings.tier, threads: settings.threads }));
  try {
    const head =
      request.draft !== undefined ? await loadEagle(nodeHost, request.draft, model) : model.hasDraftHead ? model.draftHead() : undefined;
    const name =
      location
        .replace(/[/\\]+$/, "")
        .split(/[/\\]/)
        .pop() ?? location;
    return measureModel(name, model, head, { ...settings, prompts: request.prompts ?? STORY_PROMPTS, maxTokens: request.maxTokens });
  } finally {
    model.dispose();
  }
}
