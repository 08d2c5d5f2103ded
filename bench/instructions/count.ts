import { readFileSync } from "node:fs";
import { DEFAULT_MODEL, PACKAGE_ROOT } from "../../host/node/package.ts";
import { nodeHost } from "../../host/node/index.ts";
import { compiledOnce } from "../../host/compiled.ts";
import { EagleDrafter } from "../../src/decode/drafters/eagle.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import type { Host, Tier } from "../../src/host.ts";
import { loadModel } from "../../src/load/load.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { syntheticModel } from "../../synthetic/model.ts";
import { SHAPES } from "../../synthetic/shapes.ts";
import { Bed } from "../bed.ts";
import { kernelCases } from "../kernel-cases.ts";
import { COUNTER, instrument } from "./instrument.ts";

/** Instructions of the engine by what was run. */
export type InstructionCounts = Readonly<Record<string, number>>;

/** Tokens in the cache before what is counted. */
const CONTEXT = 64;
const TEXT =
  "Once upon a time, there was a little girl named Lily. She loved to play with her toys and learn new things. One day, she found a big " +
  "box. It was red, and it was so big that she could sit in it. Her mom said that it came from far away, and that it was a gift. ";

/** Node with engines that count: everything else is as it is. */
export const countingHost: Host = {
  ...nodeHost,
  engine: compiledOnce(async (file) => {
    return new WebAssembly.Module(instrument(readFileSync(new URL(`dist/engine/${file}`, PACKAGE_ROOT))));
  }),
};

/**
 * WebAssembly instructions that an engine executes on one thread: passes of the default model and of a dense shape, then each kernel by
 * itself. @returns the same numbers on every machine and runtime
 */
export async function countInstructions(tier: Tier): Promise<InstructionCounts> {
  const counts: Record<string, number> = {};
  const model = await loadModel(countingHost, DEFAULT_MODEL, { tier, threads: 1 });
  const tokenizer = loadTokenizer(model.tokenizerJson as Uint8Array, "tokenizer.json");
  countPasses(counts, "default model", model, tokenizer.encode(TEXT.repeat(2)));
  countDraft(counts, model, tokenizer.encode(TEXT.repeat(2)));
  model.dispose();
  for (const quantization of ["q8", "q4"] as const) {
    const dense = await syntheticModel(countingHost, SHAPES["135M"]!, quantization, tier, 1);
    const ids = Array.from({ length: 2 * CONTEXT }, (_, i) => (i * 37 + 11) % dense.config.vocabSize);
    countPasses(counts, `135M ${quantization}`, dense, ids, 0);
    dense.dispose();
  }
  await countKernels(counts, tier);
  return counts;
}

/** What `run` executes. */
function counted(engine: Engine, run: () => void): number {
  const counter = (engine.exports as unknown as Record<typeof COUNTER, { value: bigint }>)[COUNTER];
  const before = counter.value;
  run();
  return Number(counter.value - before);
}

function countPasses(counts: Record<string, number>, name: string, model: ModelInstance, ids: ArrayLike<number>, prefill = CONTEXT): void {
  // What loading may have measured on this machine.
  model.engine.exports.setReadAhead(0);
  const tokens = Array.from(ids);
  for (const ffn of model.config.ffn.kind === "experts" ? (["sparse", "dense"] as const) : (["sparse"] as const)) {
    model.ffn = ffn;
    const sequence = model.newSequence({ capacity: 2 * CONTEXT });
    const what = ffn === "dense" ? `${name}, all experts` : name;
    if (prefill > 0) {
      const prompt = tokens.slice(0, prefill);
      counts[`${what}: prefill of ${prefill}`] = counted(model.engine, () => sequence.forward(prompt, { logits: "last" }));
    }
    sequence.forward(tokens.slice(prefill, CONTEXT + 1), { logits: "none" });
    counts[`${what}: one token`] = counted(model.engine, () => sequence.forward(tokens.slice(CONTEXT + 1, CONTEXT + 2)));
    counts[`${what}: 8 rows`] = counted(model.engine, () => sequence.forward(tokens.slice(CONTEXT + 2, CONTEXT + 10), { logits: "all" }));
    sequence.dispose();
  }
  model.ffn = "sparse";
}

function countDraft(counts: Record<string, number>, model: ModelInstance, ids: ArrayLike<number>): void {
  const sequence = model.newSequence({ capacity: CONTEXT });
  const tokens = Array.from(ids).slice(0, CONTEXT / 2);
  const result = sequence.forward(tokens, { logits: "last" });
  const states = tokens.map((_, row) => (row === 0 ? new Float32Array(0) : result.hidden(row - 1)));
  const drafter = new EagleDrafter(model.draftHead(), { capacity: CONTEXT });
  drafter.accept(tokens, states);
  drafter.propose(8);
  drafter.accept([5], [result.hidden(tokens.length - 1)]);
  counts["draft head: a tree of 8"] = counted(model.engine, () => void drafter.propose(8));
  drafter.dispose();
  sequence.dispose();
}

async function countKernels(counts: Record<string, number>, tier: Tier): Promise<void> {
  for (const { kernel, size, make } of kernelCases(true)) {
    const engine = await Engine.create(await countingHost.engine(tier));
    counts[`${kernel} ${size}`] = counted(engine, make(new Bed(engine)));
  }
}
