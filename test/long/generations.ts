import { DEFAULT_MODEL, nodeHost } from "../../host/node/index.ts";
import { generate } from "../../src/decode/generate.ts";
import type { GenerateOptions } from "../../src/decode/options.ts";
import { createRandom, type Random } from "../../src/decode/sampling/rng.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import { LimitError } from "../../src/errors.ts";
import { loadModel } from "../../src/load/load.ts";
import type { CheckOptions, Finding, LongCheck } from "./check.ts";

const COUNT = 10_000;
/** After so many, memory is as large as it gets. */
const SETTLED = 100;
/** Generations that run at once, in turns, are at most so many. */
const MOST_AT_ONCE = 4;
const LONGEST_ANSWER = 32;
const MIB = 2 ** 20;

/** How a generation ends: by itself, left after a few pieces, aborted by its signal, or given back before it began. */
type End = "done" | "left" | "aborted" | "unread";

interface Recipe {
  readonly prompt: Uint32Array;
  readonly options: GenerateOptions;
  readonly end: End;
}

export const generations: LongCheck = {
  name: "generations",
  about: `${COUNT} generations (--count) of mixed lengths, drafters and ends, default model: memory ends where it was after ${SETTLED}`,
  run: runGenerations,
};

async function runGenerations({ count = COUNT, onProgress }: CheckOptions): Promise<Finding[]> {
  const model = await loadModel(nodeHost, DEFAULT_MODEL);
  const draft = await loadModel(nodeHost, DEFAULT_MODEL);
  try {
    const random = createRandom(1);
    const telling: GenerateOptions = { maxTokens: model.config.contextLength, temperature: 0.8, seed: 1, ignoreEos: true };
    const { tokens: story } = await generate(model, undefined, [1], telling).result();
    let done = 0;
    let tokens = 0;
    let settled: Levels | undefined;
    while (done < count) {
      // The first go together, and are as long as any: what comes later has been there.
      const together = done === 0 ? MOST_AT_ONCE : random.float() < 0.7 ? 1 : 1 + below(random, MOST_AT_ONCE);
      const recipes = Array.from({ length: Math.min(together, count - done) }, (_, i) => recipe(model, draft, story, random, done + i));
      tokens += (await Promise.all(recipes.map((each) => cook(model, each)))).reduce((a, b) => a + b, 0);
      if (done < SETTLED && done + recipes.length >= SETTLED) settled = levels(model, draft);
      done += recipes.length;
      refuse(model);
      if (done % 100 < recipes.length) onProgress?.(`${done} of ${count}`);
    }
    return findings(done, tokens, settled ?? levels(model, draft), levels(model, draft));
  } finally {
    model.dispose();
    draft.dispose();
  }
}

/** Bytes: linear memory of model and draft model, their blocks that are taken, and what the process has. */
interface Levels {
  readonly memory: number;
  readonly draftMemory: number;
  readonly taken: number;
  readonly heap: number;
  readonly resident: number;
}

function levels(model: ModelInstance, draft: ModelInstance): Levels {
  const { heapUsed: heap, rss: resident } = process.memoryUsage();
  const [memory, draftMemory] = [model, draft].map(({ engine }) => engine.memory.buffer.byteLength) as [number, number];
  return { memory, draftMemory, taken: model.arena.used + draft.arena.used, heap, resident };
}

function findings(count: number, tokens: number, first: Levels, last: Levels): Finding[] {
  return [
    { what: "generations", value: count },
    { what: "new tokens", value: tokens },
    { what: "linear memory, bytes", value: last.memory, limit: first.memory },
    { what: "linear memory of the draft model, bytes", value: last.draftMemory, limit: first.draftMemory },
    { what: "bytes of blocks that are still taken", value: last.taken, limit: first.taken },
    { what: `heap after ${SETTLED}, MiB`, value: first.heap / MIB },
    { what: "heap at the end, MiB", value: last.heap / MIB },
    { what: `resident after ${SETTLED}, MiB`, value: first.resident / MIB },
    { what: "resident at the end, MiB", value: last.resident / MIB },
  ];
}

/** The i-th generation: a stretch of the story, as long as chance says; drafters in turn, with every kind of option now and then. */
function recipe(model: ModelInstance, draft: ModelInstance, story: readonly number[], random: Random, i: number): Recipe {
  const maxTokens = i < MOST_AT_ONCE ? LONGEST_ANSWER : spread(random, LONGEST_ANSWER);
  const longest = Math.min(model.config.contextLength - maxTokens, story.length);
  const length = i < MOST_AT_ONCE ? longest : Math.ceil(spread(random, longest) * random.float());
  const from = below(random, story.length - length + 1);
  const speculate = (["eagle", "model", "ngram", "auto", "off"] as const)[i % 5]!;
  const drawn = i % 3 === 0 ? { temperature: 0.9, topK: 50, topP: 0.95, seed: i } : {};
  const options: GenerateOptions = {
    maxTokens,
    ...drawn,
    ignoreEos: i % 2 === 0,
    experts: i % 19 === 0,
    ...(i % 17 === 0 ? { logprobs: 5, speculate: "off" } : { speculate }),
    // A model may draft for itself: its memory then grows while it decodes.
    ...(speculate === "model" || i % 4 === 0 ? { draftModel: i % 2 === 0 ? model : draft } : {}),
  };
  const end: End = i < MOST_AT_ONCE ? "done" : i % 11 === 0 ? "left" : i % 13 === 0 ? "aborted" : i % 23 === 0 ? "unread" : "done";
  return { prompt: Uint32Array.from(story.slice(from, from + length)), options, end };
}

/** Runs a generation to its end. @returns new tokens */
async function cook(model: ModelInstance, { prompt, options, end }: Recipe): Promise<number> {
  const abort = new AbortController();
  const generation = generate(model, undefined, prompt, { ...options, signal: abort.signal });
  if (end === "unread") {
    generation.reserve();
    await generation[Symbol.asyncIterator]().return?.();
    return 0;
  }
  for await (const { index } of generation) {
    if (index === 2 && end === "left") break;
    if (index === 2 && end === "aborted") abort.abort();
    // The others take their turns between the pieces.
    await null;
  }
  return (await generation.result()).tokens.length;
}

/** A prompt that does not fit must leave nothing behind. */
function refuse(model: ModelInstance): void {
  try {
    generate(model, undefined, new Uint32Array(model.config.contextLength + 1).fill(1));
  } catch (error) {
    if (error instanceof LimitError) return;
    throw error;
  }
  throw new Error("a prompt longer than the context was taken");
}

/** From 1 to `most`, as often below its root as above. */
function spread(random: Random, most: number): number {
  return Math.min(most, Math.floor((most + 1) ** random.float()));
}

function below(random: Random, end: number): number {
  return Math.floor(random.float() * end);
}
