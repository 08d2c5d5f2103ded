import { generate } from "../src/decode/generate.ts";
import type { GenerationResult } from "../src/decode/generation.ts";
import type { ModelInstance } from "../src/engine/instance.ts";
import type { Tokenizer } from "../src/text/tokenizer.ts";
import { median } from "./measure.ts";
import { estimate, orders, sampleUndecided, sampleUntilSettled, type Estimate } from "./paired.ts";

/** One prompt, decoded in every way. */
export interface SpeculateResult {
  readonly prompt: string;
  /** New tokens a second of a whole generation, by way: medians. */
  readonly tokensPerSecond: Readonly<Record<string, number>>;
  /** Tokens a round, by way that drafts. */
  readonly acceptLength: Readonly<Record<string, number>>;
  /** Speed of `auto` over that of `off`. */
  readonly autoOverOff: Estimate;
  /** Speed of a second series of `off` over the first: what the method itself makes of nothing. */
  readonly offOverOff: Estimate;
  /** Share of `auto`'s time that its guard believes to have lost (negative: won), median. */
  readonly guardLoss: number;
  /** Generations of each way that make a sample. */
  readonly repeats: number;
}

export interface SpeculateOptions {
  /** New tokens of a generation; default 200. */
  readonly tokens?: number;
  readonly quick?: boolean;
  readonly onProgress?: (what: string) => void;
}

const PROMPTS = [
  "Once upon a time",
  "One day, a little girl named Lily found a needle in her room.",
  "Tom had a red car. He liked to play with",
  "The sun was hot and the dog wanted",
  "Sara and Ben went to the park with their mom. They saw",
  '"Can I have a cookie?" asked Max.',
  "There was a big tree in the garden. In the tree lived",
  "The cat was sad because",
  "Mia wanted to bake a cake for her dad. First, she",
  "It was raining, so Sam and Tim stayed inside. They played a game. Sam said",
  "Once there was a frog who loved to jump. Every day",
  "The king had a little bell. When he rang the bell",
];
/** A sample is as many generations as take this long: a clock's tick or a pause is little of it. */
const SAMPLE_MS = 100;
const UNDECIDED = { most: 120, ms: 100_000 };
/** Runs of all prompts before anything counts: code is compiled, the guard has its costs. */
const WARM_UP = 3;
const FIXED_ROUNDS = 3;
/** What the guard promises, speed of `auto` over `off`: prompts are measured until they are known to keep it, or not to. */
const PROMISED = 0.97;

/** Prompts by token ids, for models without a tokenizer. */
const idPrompt = (i: number, vocab: number): number[] => Array.from({ length: 8 }, (_, at) => (i * 101 + at * 37 + 11) % vocab);

type Way = "off" | "auto" | "control" | "ngram" | "eagle";

/** What was measured of a prompt. */
class Series {
  readonly auto: number[] = [];
  readonly control: number[] = [];
  /** Milliseconds of a generation, by way. */
  readonly ms = new Map<Way, number[]>();
  readonly losses: number[] = [];
  readonly last = new Map<Way, GenerationResult>();
}

/**
 * Greedy decoding of story prompts with `off`, `auto` and `off` again, whole generations by the wall clock, in turn in all orders.
 * Prompts alternate too, so a guard comes to each with what it learned of the others. Ratios are of sums of at least SAMPLE_MS
 * that were measured together; rounds go on until all ratios are known to half a percent, or the time is over; then with the prompts
 * alone of which it is not yet certain on which side of PROMISED they are.
 */
export async function benchSpeculate(
  model: ModelInstance,
  tokenizer: Tokenizer | undefined,
  options: SpeculateOptions = {},
): Promise<SpeculateResult[]> {
  const { tokens = 200, quick = false, onProgress = () => undefined } = options;
  const prompts = PROMPTS.map((text, i) => (tokenizer === undefined ? idPrompt(i, model.config.vocabSize) : text));
  const all = prompts.map(() => new Series());
  const run = async (i: number, way: Way): Promise<number> => {
    const start = performance.now();
    const generation = generate(model, tokenizer, prompts[i]!, {
      maxTokens: tokens,
      ignoreEos: true,
      speculate: way === "control" ? "off" : way,
    });
    const result = await generation.result();
    const ms = performance.now() - start;
    all[i]!.last.set(way, result);
    return ms;
  };
  const fixed: Way[] = ["ngram", ...(model.hasDraftHead ? (["eagle"] as const) : [])];
  let offMs = 0;
  for (let round = 0; round < WARM_UP; round++) {
    onProgress(`speculation, warming up, round ${round + 1} of ${WARM_UP}`);
    for (const way of ["off", "auto"] as const) {
      const times: number[] = [];
      for (let i = 0; i < prompts.length; i++) times.push(await run(i, way));
      if (way === "off") offMs = median(times);
    }
  }
  for (const [i, series] of all.entries()) {
    onProgress(`speculation, fixed drafters, prompt ${i + 1} of ${prompts.length}`);
    for (const way of fixed) {
      const times: number[] = [];
      for (let round = 0; round < FIXED_ROUNDS; round++) times.push(await run(i, way));
      series.ms.set(way, times);
    }
  }
  const repeats = Math.max(1, Math.ceil(SAMPLE_MS / offMs));
  const turns = orders<Way>(["off", "auto", "control"]);
  let turn = 0;
  const sample = async (number: number, chosen: readonly number[]): Promise<void> => {
    const sums = new Map(chosen.map((i) => [i, { off: 0, auto: 0, control: 0 }]));
    onProgress(`speculation, sample ${number + 1}, ${repeats} generations of ${chosen.length} prompts and 3 ways each`);
    for (let repeat = 0; repeat < repeats; repeat++) {
      for (const [i, sum] of sums) {
        for (const way of turns[turn++ % turns.length]! as ("off" | "auto" | "control")[]) sum[way] += await run(i, way);
        all[i]!.losses.push(all[i]!.last.get("auto")!.decisions?.lossShare ?? 0);
      }
      // Six prompts are a whole cycle of orders: each prompt is to see all of them.
      turn++;
    }
    for (const [i, { off, auto, control }] of sums) {
      const series = all[i]!;
      series.auto.push(off / auto);
      series.control.push(off / control);
      for (const [way, sum] of [
        ["off", off],
        ["auto", auto],
      ] as const)
        series.ms.set(way, [...(series.ms.get(way) ?? []), sum / repeats]);
    }
  };
  const limits = quick ? { least: 6, most: 6, within: 0.005, ms: 20_000 } : { least: 9, most: 41, within: 0.005, ms: 100_000 };
  const every = prompts.map((_, i) => i);
  const taken = await sampleUntilSettled(
    all.flatMap(({ auto, control }) => [auto, control]),
    (number) => sample(number, every),
    limits,
  );
  if (!quick)
    await sampleUndecided(
      all.map(({ auto }) => auto),
      PROMISED,
      (number, undecided) => sample(taken + number, undecided),
      UNDECIDED,
    );
  const ways: Way[] = ["off", "auto", ...fixed];
  return all.map((series, i): SpeculateResult => ({
    prompt: PROMPTS[i]!,
    tokensPerSecond: Object.fromEntries(
      ways.map((way) => [way, (1000 * series.last.get(way)!.tokens.length) / median(series.ms.get(way)!)]),
    ),
    acceptLength: Object.fromEntries(ways.slice(1).map((way) => [way, series.last.get(way)!.acceptLength!])),
    autoOverOff: estimate(series.auto),
    offOverOff: estimate(series.control),
    guardLoss: median(series.losses),
    repeats,
  }));
}

/** Rows of a table, and last ones with median, worst and best over all prompts. */
export function speculateRows(results: readonly SpeculateResult[]): { head: string[]; rows: (string | number)[][] } {
  const ways = Object.keys(results[0]!.tokensPerSecond);
  const drafting = Object.keys(results[0]!.acceptLength);
  const ratio = (value: number): string => value.toFixed(3);
  const range = ({ low, high }: Estimate): string => `${ratio(low)}-${ratio(high)}`;
  const rows = results.map((r) => [
    r.prompt.slice(0, 30),
    ...ways.map((way) => r.tokensPerSecond[way]!),
    ratio(r.autoOverOff.median),
    range(r.autoOverOff),
    ratio(r.offOverOff.median),
    range(r.offOverOff),
    `${(100 * r.guardLoss).toFixed(2)} %`,
    ...drafting.map((way) => r.acceptLength[way]!),
  ]);
  const over = (name: string, of: (values: number[]) => number): (string | number)[] => [
    name,
    ...ways.map(() => ""),
    ratio(of(results.map((r) => r.autoOverOff.median))),
    "",
    ratio(of(results.map((r) => r.offOverOff.median))),
    "",
    "",
  ];
  return {
    head: [
      "prompt",
      ...ways.map((way) => `${way} tok/s`),
      "auto / off",
      "95 %",
      "off / off",
      "95 %",
      "guard lost",
      ...drafting.map((way) => `accept ${way}`),
    ],
    rows: [...rows, over("median", median), over("worst", (values) => Math.min(...values)), over("best", (values) => Math.max(...values))],
  };
}
