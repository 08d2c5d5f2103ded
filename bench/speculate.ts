import { generate } from "../src/decode/generate.ts";
import type { GenerationResult } from "../src/decode/generation.ts";
import type { Speculate } from "../src/decode/options.ts";
import type { ModelInstance } from "../src/model/instance.ts";
import type { Tokenizer } from "../src/text/tokenizer.ts";
import { median } from "./measure.ts";

/** One prompt, decoded in every way. */
export interface SpeculateResult {
  readonly prompt: string;
  /** Tokens a second after the first token, by way. */
  readonly tokensPerSecond: Readonly<Record<string, number>>;
  /** Tokens a round, by way that drafts. */
  readonly acceptLength: Readonly<Record<string, number>>;
  /** `auto` over `off`: the median of the ratios of runs that followed each other. */
  readonly autoOverOff: number;
}

const PROMPTS = [
  "Once upon a time", "One day, a little girl named Lily found a needle in her room.", "Tom had a red car. He liked to play with",
  "The sun was hot and the dog wanted", "Sara and Ben went to the park with their mom. They saw", "\"Can I have a cookie?\" asked Max.",
  "There was a big tree in the garden. In the tree lived", "The cat was sad because", "Mia wanted to bake a cake for her dad. First, she",
  "It was raining, so Sam and Tim stayed inside. They played a game. Sam said", "Once there was a frog who loved to jump. Every day",
  "The king had a little bell. When he rang the bell",
];
const TOKENS = 200;

/** Prompts by token ids, for models without a tokenizer. */
const idPrompt = (i: number, vocab: number): number[] => Array.from({ length: 8 }, (_, at) => (i * 101 + at * 37 + 11) % vocab);

/** Greedy decoding of story prompts with each way to speculate, alternating, medians over `rounds`; the first prompt warms up. */
export async function benchSpeculate(
  model: ModelInstance, tokenizer: Tokenizer | undefined, rounds: number, onRound: (what: string) => void,
): Promise<SpeculateResult[]> {
  const ways: Speculate[] = ["off", "auto", "ngram", ...(model.hasDraftHead ? (["eagle"] as const) : [])];
  const results: SpeculateResult[] = [];
  for (const [i, text] of PROMPTS.entries()) {
    const prompt = tokenizer === undefined ? idPrompt(i, model.config.vocabSize) : text;
    const runs = new Map(ways.map((way) => [way, [] as GenerationResult[]]));
    for (let round = i === 0 ? -3 : 0; round < rounds; round++) {
      onRound(`speculation, prompt ${i + 1} of ${PROMPTS.length}, round ${Math.max(round, 0) + 1} of ${rounds}`);
      // off and auto swap places: whoever comes first in a pair may find the machine in another state.
      for (const way of round % 2 === 0 ? ways : [ways[1]!, ways[0]!, ...ways.slice(2)]) {
        // The costly ways are there for their accept length: three times will do.
        if (way !== "off" && way !== "auto" && round >= 3) continue;
        const result = await generate(model, tokenizer, prompt, { maxTokens: TOKENS, ignoreEos: true, speculate: way }).result();
        if (round >= 0) runs.get(way)!.push(result);
      }
    }
    const each = (value: (results: GenerationResult[]) => number, of: readonly Speculate[]): Record<string, number> =>
      Object.fromEntries(of.map((way) => [way, value(runs.get(way)!)]));
    const ratios = runs.get("auto")!.map((auto, r) => auto.decodeTokensPerSecond / runs.get("off")![r]!.decodeTokensPerSecond);
    results.push({
      prompt: text,
      tokensPerSecond: each((list) => median(list.map((result) => result.decodeTokensPerSecond)), ways),
      acceptLength: each((list) => list[0]!.acceptLength!, ways.slice(1)),
      autoOverOff: median(ratios),
    });
  }
  return results;
}

/** Rows of a table, and a last one with the medians over all prompts. */
export function speculateRows(results: readonly SpeculateResult[]): { head: string[]; rows: (string | number)[][] } {
  const ways = Object.keys(results[0]!.tokensPerSecond);
  const drafting = Object.keys(results[0]!.acceptLength);
  const row = (name: string, of: (value: (result: SpeculateResult) => number) => number): (string | number)[] => [
    name, ...ways.map((way) => of((r) => r.tokensPerSecond[way]!)), of((r) => r.autoOverOff), ...drafting.map((way) => of((r) => r.acceptLength[way]!)),
  ];
  return {
    head: ["prompt", ...ways.map((way) => `${way} tok/s`), "auto / off", ...drafting.map((way) => `accept ${way}`)],
    rows: [...results.map((result) => row(result.prompt.slice(0, 30), (value) => value(result))), row("median", (value) => median(results.map(value)))],
  };
}
