import type { Drafter } from "../../src/decode/drafters/drafter.ts";
import { encodePrompt } from "../../src/decode/plain/prompt.ts";
import { LimitError } from "../../src/errors.ts";
import type { EagleHead } from "../../src/engine/eagle.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import type { FfnMode } from "../../src/engine/types.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { measureFfn, sampleText, type FfnTimes } from "../ffn.ts";
import { median } from "../measure.ts";
import { newDrafter } from "./drafters.ts";
import { decodeGreedy, type GreedyRun } from "./greedy.ts";
import type { BenchPrompt } from "../../src/suite/spec-bench.ts";
import type { RunSettings } from "./settings.ts";
import { markBest, type ModelReport, type ModeName, type ModeRow, type Speed } from "./types.ts";

export interface RealSettings extends RunSettings {
  readonly prompts: readonly BenchPrompt[];
  readonly maxTokens: number;
}

/** A mode at one tree size with one drafter; runs by prompt. */
interface Lane {
  readonly mode: ModeName;
  readonly ffn: FfnMode;
  readonly nodes: number;
  readonly drafter: "ngram" | "eagle" | null;
  readonly runs: GreedyRun[][];
}

/** Tokens of the text that the FFN alone is measured on: 32 chunks of one, one of 32. */
const FFN_TOKENS = 64;

/**
 * The modes of a real model on real prompts: real weights, routing, drafts and verification. Every mode must give the tokens of
 * plain dense decoding, whose exact equality is reported.
 * @param head an EAGLE head of the model; only look-up drafts without one
 * @throws BlockFFNError for prompts that the model cannot take.
 */
export function measureModel(name: string, model: ModelInstance, head: EagleHead | undefined, settings: RealSettings): ModelReport {
  const tokenizer = model.tokenizerJson === undefined ? undefined : loadTokenizer(model.tokenizerJson, "tokenizer.json");
  const room = model.config.contextLength - settings.maxTokens - Math.max(1, ...settings.sizes);
  if (room < 1)
    throw new LimitError(
      `is ${settings.maxTokens}; the model's context of ${model.config.contextLength} has no place for it and the trees`,
      { field: "maxTokens", limit: model.config.contextLength },
    );
  const prompts = settings.prompts.map(({ category, turns }) => ({
    category,
    ids: encodePrompt(turns[0] as string, tokenizer, model.config.vocabSize).subarray(0, room),
  }));
  const sparse = model.config.ffn.kind === "experts";
  const sizes = settings.sizes.filter((nodes) => nodes <= Math.min(model.maxChunk, model.maxLogitRows));
  const lanes = lanesOf(sparse, head !== undefined, sizes);
  prompts.forEach(({ ids }, p) => {
    // One round more on the first prompt warms up.
    for (let round = p === 0 ? -1 : 0; round < settings.rounds; round++) {
      settings.onProgress(`${name}, prompt ${p + 1} of ${prompts.length}, round ${round + 1} of ${settings.rounds}`);
      for (const lane of lanes) {
        model.ffn = lane.ffn;
        const drafter = drafterOf(lane, head, ids.length + settings.maxTokens + lane.nodes);
        const run = decodeGreedy(model, ids, {
          maxTokens: settings.maxTokens,
          nodes: lane.nodes,
          ...(drafter === undefined ? {} : { drafter }),
        });
        if (round >= 0) (lane.runs[p] ??= []).push(run);
      }
    }
  });
  model.ffn = "sparse";
  settings.onProgress(`${name}: FFN alone`);
  const text = prompts.flatMap(({ ids }, p) => [...ids, ...(lanes[0]?.runs[p]?.[0]?.tokens ?? [])]).slice(0, FFN_TOKENS);
  const ffn = sparse ? measureModelFfn(model, text, sizes, settings) : [];
  return {
    name,
    quantization: model.quantization,
    tier: model.tier,
    threads: settings.threads,
    weightBytes: model.plan.bytes,
    simulation: null,
    promptTokens: prompts.reduce((sum, { ids }) => sum + ids.length, 0) / prompts.length,
    prompts: prompts.length,
    tls: ffn[0] === undefined ? null : 1 - ffn[0].pairs,
    modes: rowsOf(
      lanes,
      prompts.map(({ category }) => category),
    ),
    ffn,
  };
}

function lanesOf(sparse: boolean, eagle: boolean, sizes: readonly number[]): Lane[] {
  const lane = (mode: ModeName, ffn: FfnMode, nodes = 1, drafter: Lane["drafter"] = null): Lane => ({
    mode,
    ffn,
    nodes,
    drafter,
    runs: [],
  });
  const drafters = eagle ? (["ngram", "eagle"] as const) : (["ngram"] as const);
  const trees = (mode: ModeName, ffn: FfnMode): Lane[] =>
    drafters.flatMap((drafter) => sizes.map((nodes) => lane(mode, ffn, nodes, drafter)));
  return [
    lane("dense AR", "dense"),
    ...(sparse ? [lane("sparse, 1 token", "sparse")] : []),
    ...trees("dense + speculation", "dense"),
    ...(sparse ? trees("sparse + speculation", "sparse") : []),
  ];
}

function drafterOf({ drafter, nodes }: Lane, head: EagleHead | undefined, capacity: number): Drafter | undefined {
  if (drafter === null) return undefined;
  return drafter === "eagle" && head !== undefined ? newDrafter("eagle", head, nodes, capacity) : newDrafter("ngram");
}

function rowsOf(lanes: readonly Lane[], categories: readonly string[]): ModeRow[] {
  const all = categories.map((_, p) => p);
  const speed = (lane: Lane, prompts: readonly number[]): Omit<Speed, "speedup"> => {
    let [tokens, ms, rounds, confirmed] = [0, 0, 0, 0];
    for (const p of prompts) {
      const runs = lane.runs[p] as GreedyRun[];
      tokens += (runs[0] as GreedyRun).tokens.length - 1;
      ms += median(runs.map((run) => run.passMs + run.draftMs));
      rounds += (runs[0] as GreedyRun).rounds;
      confirmed += (runs[0] as GreedyRun).confirmed;
    }
    return { tokensPerSecond: (1000 * tokens) / ms, acceptLength: rounds === 0 ? 1 : confirmed / rounds };
  };
  const dense = lanes[0] as Lane;
  const over = (lane: Lane, prompts: readonly number[]): Speed => {
    const own = speed(lane, prompts);
    return { ...own, speedup: own.tokensPerSecond / speed(dense, prompts).tokensPerSecond };
  };
  const perRound = (lane: Lane, ms: (run: GreedyRun) => number, of = median): number =>
    all.reduce((sum, p) => sum + of((lane.runs[p] as GreedyRun[]).map(ms)), 0) /
    all.reduce((sum, p) => sum + ((lane.runs[p] as GreedyRun[])[0] as GreedyRun).rounds, 0);
  return markBest(
    lanes.map((lane) => ({
      mode: lane.mode,
      ffn: lane.ffn,
      nodes: lane.nodes,
      drafter: lane.drafter,
      ...over(lane, all),
      passMs: perRound(lane, (run) => run.passMs),
      passRangeMs: [
        perRound(
          lane,
          (run) => run.passMs,
          (values) => Math.min(...values),
        ),
        perRound(
          lane,
          (run) => run.passMs,
          (values) => Math.max(...values),
        ),
      ],
      draftMs: perRound(lane, (run) => run.draftMs),
      identical: lane.runs.every((runs, p) => runs.every((run) => String(run.tokens) === String(dense.runs[p]?.[0]?.tokens))),
      categories: Object.fromEntries(
        [...new Set(categories)].map((category) => [
          category,
          over(
            lane,
            all.filter((p) => categories[p] === category),
          ),
        ]),
      ),
    })),
  );
}

/** The feed-forward branches alone, on the inputs that a text gives them: token by token, and in chunks of each size. */
function measureModelFfn(model: ModelInstance, text: readonly number[], sizes: readonly number[], settings: RunSettings): FfnTimes[] {
  const chunks = [1, ...sizes].filter((rows) => rows <= text.length);
  return measureFfn(
    model,
    chunks.map((rows) => sampleText(model, text, rows)),
    { rounds: Math.max(5, settings.rounds), minMs: settings.minMs },
  );
}
