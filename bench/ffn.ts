import { SCRATCH_NORMED } from "../core/layout/scratch.ts";
import { countBits } from "../src/sparsity/bits.ts";
import { countUniqueExperts } from "../src/sparsity/union.ts";
import type { ModelInstance } from "../src/engine/instance.ts";
import { paddedRows } from "../core/panel.ts";
import { Taps } from "../src/engine/taps.ts";
import type { FfnMode } from "../src/engine/types.ts";
import { median } from "./measure.ts";

const FLUSH_BYTES = 64 * 2 ** 20;

/** What the feed-forward branches of one chunk read, and which experts it activates. */
export interface FfnSample {
  readonly rows: number;
  /** Of each layer, `[rows, hidden]`. */
  readonly inputs: readonly Float32Array[];
  /** `[layers][rows][words]`. */
  readonly active: Uint32Array;
  /** Called before the chunk is replayed: routing to impose, for instance. */
  readonly before?: () => void;
}

/** Times over all layers, router included, against the bounds that sparsity sets. */
export interface FfnTimes {
  readonly rows: number;
  readonly denseMs: number;
  readonly sparseMs: number;
  /** Active (expert, token) pairs over all pairs: the share of the work. For one token it is 1 - TLS. */
  readonly pairs: number;
  /** Experts that any token of the chunk activates over all experts: the share of the weights that must be read. */
  readonly union: number;
  /** Time of the work: pairs x the dense time of this chunk. */
  readonly computeBoundMs: number;
  /** Time of the reads: union x the dense time of one token, which reads every weight once. */
  readonly memoryBoundMs: number;
  readonly binds: "compute" | "memory";
  /** Sparse time over the larger bound: 1 is perfect. */
  readonly overBound: number;
}

/** Runs the feed-forward branch of every layer on what a chunk gave them. */
function replay(model: ModelInstance, sample: FfnSample): void {
  sample.before?.();
  sample.inputs.forEach((_, layer) => replayLayer(model, sample, layer));
}

/** Runs the feed-forward branch of one layer on what a chunk gave it. */
export function replayLayer(model: ModelInstance, { rows, inputs }: FfnSample, layer: number): void {
  const { hiddenSize } = model.config;
  const stride = paddedRows(hiddenSize);
  const input = inputs[layer]!;
  const target = model.engine.f32(model.scratchAt(SCRATCH_NORMED), rows * stride);
  if (stride === hiddenSize) target.set(input);
  else for (let r = 0; r < rows; r++) target.set(input.subarray(r * hiddenSize, (r + 1) * hiddenSize), r * stride);
  model.engine.run(rows, () => model.engine.exports.ffnBranch(model.addresses.descriptor, rows, layer));
}

/** Reads what is not feed-forward weights, up to FLUSH_BYTES: more than caches hold. */
function readOtherWeights(model: ModelInstance): void {
  let left = FLUSH_BYTES;
  for (const part of model.plan.parts) {
    if (part.experts || left <= 0) continue;
    const bytes = Math.min(left, part.bytes);
    model.engine.exports.argmax(model.addresses.weights + part.offset, bytes / 4);
    left -= bytes;
  }
}

/**
 * Times the feed-forward branches alone, dense and sparse in turn. Between two chunks the model's other weights are read, as a
 * pass would, so that caches hold no more than they do then.
 * @param groups samples of equal rows each; the first group must be of single tokens, whose dense time is the read of every weight
 * @param options rounds (their median counts), and the least milliseconds that a case is measured for in a round
 * @returns milliseconds a chunk, for each group.
 */
export function measureFfn(
  model: ModelInstance,
  groups: readonly (readonly FfnSample[])[],
  options: { rounds?: number; minMs?: number } = {},
): FfnTimes[] {
  const { layers, ffn } = model.config;
  const { rounds = 15, minMs = 50 } = options;
  const experts = ffn.kind === "experts" ? ffn.experts : 1;
  const visit = (samples: readonly FfnSample[], mode: FfnMode, leastMs: number): number => {
    model.ffn = mode;
    let ms = 0;
    let chunks = 0;
    do {
      for (const sample of samples) {
        readOtherWeights(model);
        const start = performance.now();
        replay(model, sample);
        ms += performance.now() - start;
        chunks++;
      }
    } while (ms < leastMs);
    return ms / chunks;
  };
  const times = groups.map(() => ({ dense: [] as number[], sparse: [] as number[] }));
  for (let round = -1; round < rounds; round++) {
    groups.forEach((samples, group) => {
      for (const mode of ["dense", "sparse"] as const) {
        const ms = visit(samples, mode, round < 0 ? 0 : minMs);
        // The first round warms up.
        if (round >= 0) times[group]?.[mode].push(ms);
      }
    });
  }
  model.ffn = "sparse";
  const denseToken = median(times[0]?.dense ?? []);
  return groups.map((samples, group) => {
    const rows = samples[0]?.rows ?? 0;
    const all = layers * experts * samples.length;
    let active = 0;
    let unique = 0;
    for (const sample of samples) {
      for (const word of sample.active) active += countBits(word);
      unique += countUniqueExperts(sample.active, layers, rows);
    }
    const [pairs, union] = [active / (all * rows), unique / all];
    const [denseMs, sparseMs] = [median(times[group]?.dense ?? []), median(times[group]?.sparse ?? [])];
    const [computeBoundMs, memoryBoundMs] = [pairs * denseMs, union * denseToken];
    return {
      rows,
      denseMs,
      sparseMs,
      pairs,
      union,
      computeBoundMs,
      memoryBoundMs,
      binds: computeBoundMs >= memoryBoundMs ? "compute" : "memory",
      overBound: sparseMs / Math.max(computeBoundMs, memoryBoundMs),
    };
  });
}

/** Samples of chunks of `rows` tokens of a text, one after the other from an empty cache; what is left at its end is left out. */
export function sampleText(model: ModelInstance, ids: ArrayLike<number>, rows: number): FfnSample[] {
  const taps = new Taps(model, rows);
  const sequence = model.newSequence({ capacity: ids.length });
  const samples: FfnSample[] = [];
  for (let at = 0; at + rows <= ids.length; at += rows) {
    const { activeExperts } = sequence.forward(
      Array.from({ length: rows }, (_, i) => ids[at + i] as number),
      { logits: "none" },
    );
    samples.push({ rows, active: activeExperts, inputs: Array.from({ length: model.config.layers }, (_, l) => taps.read("ffn_input", l)) });
  }
  taps.off();
  return samples;
}

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

/** Time of the feed-forward branch alone for one token, sparse against dense, on the real inputs that `ids` give it. */
export function benchFfn(name: string, model: ModelInstance, ids: readonly number[]): FfnResult {
  const samples = sampleText(model, ids, 1);
  const [times] = measureFfn(model, [samples]) as [FfnTimes];
  const ratio = times.sparseMs / times.denseMs;
  return {
    model: name,
    quantization: model.quantization,
    tokens: ids.length,
    tls: 1 - times.pairs,
    denseMicroseconds: times.denseMs * 1000,
    sparseMicroseconds: times.sparseMs * 1000,
    ratio,
    bound: times.pairs,
    overBound: ratio / times.pairs,
  };
}
