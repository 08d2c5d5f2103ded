import { promptChunk } from "../src/decode/plain/prompt.ts";
import type { Tier } from "../src/host.ts";
import type { ModelInstance } from "../src/engine/instance.ts";
import type { FfnMode } from "../src/engine/types.ts";
import { median } from "./measure.ts";

export interface DecodeResult {
  readonly model: string;
  readonly quantization: string;
  readonly tier: Tier;
  readonly threads: number;
  readonly ffn: FfnMode;
  readonly weightBytes: number;
  readonly decodeTokensPerSecond: number;
  readonly prefillTokensPerSecond: number;
}

export interface DecodeCase {
  readonly name: string;
  readonly model: ModelInstance;
  readonly ffn: FfnMode;
}

const PROMPT = 16;
const DECODE_TOKENS = 32;
const PREFILL_TOKENS = 256;

/** Ids that a synthetic prompt repeats; any will do. */
const promptIds = (count: number, vocab: number): number[] => Array.from({ length: count }, (_, i) => (i * 37 + 11) % vocab);

/** Feeds a prompt from an empty cache, in chunks as `generate` does; returns milliseconds. */
export function timePrefill(model: ModelInstance, ids: readonly number[]): number {
  const sequence = model.newSequence({ capacity: ids.length });
  const start = performance.now();
  const most = promptChunk(model);
  for (let at = 0; at < ids.length; at += most) {
    const chunk = ids.slice(at, at + most);
    sequence.forward(chunk, { logits: at + chunk.length === ids.length ? "last" : "none" });
  }
  const ms = performance.now() - start;
  sequence.dispose();
  return ms;
}

/** Decodes greedily, one token a call, after a prompt; returns milliseconds for `count` tokens. */
export function timeDecode(model: ModelInstance, prompt: readonly number[], count: number): number {
  const sequence = model.newSequence({ capacity: prompt.length + count });
  let id = sequence.forward(prompt).argmax(0);
  const start = performance.now();
  for (let i = 0; i < count; i++) id = sequence.forward([id]).argmax(0);
  const ms = performance.now() - start;
  sequence.dispose();
  return ms;
}

/** Decode and prefill of several models, alternating: medians over `rounds`. */
export function benchDecode(cases: readonly DecodeCase[], rounds = 7, onRound?: (round: number) => void): DecodeResult[] {
  const decode: number[][] = cases.map(() => []);
  const prefill: number[][] = cases.map(() => []);
  for (let round = -1; round < rounds; round++) {
    onRound?.(round);
    cases.forEach(({ model, ffn }, i) => {
      model.ffn = ffn;
      const vocab = model.config.vocabSize;
      const d = timeDecode(model, promptIds(PROMPT, vocab), DECODE_TOKENS);
      const p = timePrefill(model, promptIds(PREFILL_TOKENS, vocab));
      // The first round warms up.
      if (round < 0) return;
      (decode[i] as number[]).push(d);
      (prefill[i] as number[]).push(p);
    });
  }
  return cases.map(({ name, model, ffn }, i) => ({
    model: name,
    quantization: model.quantization,
    tier: model.tier,
    threads: model.threads,
    ffn,
    weightBytes: model.plan.bytes,
    decodeTokensPerSecond: (DECODE_TOKENS * 1000) / median(decode[i] as number[]),
    prefillTokensPerSecond: (PREFILL_TOKENS * 1000) / median(prefill[i] as number[]),
  }));
}
