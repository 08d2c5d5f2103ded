import { SCRATCH_NORMED } from "../assembly/layout.ts";
import type { ModelInstance } from "../src/model/instance.ts";
import { paddedRows } from "../src/model/panel.ts";
import { Taps } from "../src/model/taps.ts";
import { interleave } from "./measure.ts";

export interface FfnResult {
  readonly model: string;
  readonly quantization: string;
  /** Tokens measured, one at a time. */
  readonly tokens: number;
  readonly tls: number;
  /** Microseconds a token over all layers, router included. */
  readonly denseMicroseconds: number;
  readonly sparseMicroseconds: number;
  /** Sparse time over dense time. */
  readonly ratio: number;
  /** The bound that sparsity sets: 1 - TLS. */
  readonly bound: number;
  /** ratio / bound: 1 is perfect. */
  readonly overBound: number;
}

/**
 * Time of the feed-forward branch alone for one token, sparse against dense, on the real inputs that `ids` give it: they are
 * tapped in one pass and replayed through each layer's branch, the two modes in turn.
 */
export function benchFfn(name: string, model: ModelInstance, ids: readonly number[]): FfnResult {
  const { config, engine } = model;
  const { layers, hiddenSize } = config;
  const taps = new Taps(model, 1);
  const sequence = model.newSequence({ capacity: ids.length });
  const inputs: Float32Array[] = [];
  let active = 0;
  for (const id of ids) {
    const { activeExperts } = sequence.forward([id], { logits: "none" });
    for (const word of activeExperts) active += popCount(word);
    for (let l = 0; l < layers; l++) inputs.push(taps.read("ffn_input", l).slice());
  }
  taps.off();
  const experts = config.ffn.kind === "experts" ? config.ffn.experts : 1;
  const descriptor = model.addresses.descriptor;
  const at = model.scratchAt(SCRATCH_NORMED);
  const replay = (): void => {
    inputs.forEach((input, i) => {
      engine.f32(at, paddedRows(hiddenSize)).set(input);
      engine.run(1, () => engine.exports.ffnBranch(descriptor, sequence.address, 1, i % layers));
    });
  };
  const [dense, sparse] = interleave([
    { name: "dense", run: () => { model.ffn = "dense"; replay(); } },
    { name: "sparse", run: () => { model.ffn = "sparse"; replay(); } },
  ], { rounds: 15, minMs: 50 });
  sequence.dispose();
  model.ffn = "sparse";
  const tls = 1 - active / (ids.length * layers * experts);
  const perToken = (ms: number): number => (ms * 1000) / ids.length;
  const denseMicroseconds = perToken(dense?.median ?? NaN);
  const sparseMicroseconds = perToken(sparse?.median ?? NaN);
  const ratio = sparseMicroseconds / denseMicroseconds;
  return {
    model: name, quantization: model.quantization, tokens: ids.length, tls, denseMicroseconds, sparseMicroseconds, ratio, bound: 1 - tls, overBound: ratio / (1 - tls),
  };
}

function popCount(word: number): number {
  let n = 0;
  for (let w = word; w !== 0; w &= w - 1) n++;
  return n;
}
