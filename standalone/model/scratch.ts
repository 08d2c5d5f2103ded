import * as L from "../../assembly/layout";
import { fail } from "../failure";
import { ModelConfig } from "./config";
import { alignUp, paddedRows } from "./panel";

// Mirrors src/engine/scratch.ts, for one thread.

/** Rows of a call: one prompt's chunk, as src/decode/plain/prompt.ts has it. */
const MAX_CHUNK: u64 = 64;
const MIN_CHUNK: u64 = 8;
const MAX_ROW_BYTES: u64 = 32 << 20;
const CHUNK_STEP: u64 = 8;
const SCRATCH_ALLOWANCE: u64 = 64 << 20;

/** Scratch buffers of a model. */
export class ScratchPlan {
  maxChunk: i32 = 0;
  /** Offset from the start of the scratch region, by field / 4 of layout.ts; 0 for fields that have no buffer. */
  offsets: StaticArray<u64> = new StaticArray<u64>(L.SCRATCH_BYTES >> 2);
  constants: StaticArray<u32> = new StaticArray<u32>(L.SCRATCH_BYTES >> 2);
  /** u32 words of a token's expert mask in one layer. */
  activeWords: i32 = 0;
  bytes: u64 = alignUp(L.SCRATCH_BYTES, 64);

  put(field: i32, bytes: u64): void {
    this.offsets[field >> 2] = this.bytes;
    this.bytes = alignUp(this.bytes + bytes, 64);
  }

  floats(field: i32, perRow: u64): void {
    this.put(field, <u64>this.maxChunk * perRow * 4);
  }

  /** Rows of i16, with their scales and block sums. */
  quantised(columns: u64, quantField: i32, scaleField: i32, sumsField: i32): void {
    this.put(quantField, <u64>this.maxChunk * columns * 2);
    this.floats(scaleField, 1);
    this.floats(sumsField, columns / L.BLOCK_COLS);
  }
}

/** Rows that a forward call of this model takes at most. */
export function chunkRows(config: ModelConfig): i32 {
  const fit = (MAX_ROW_BYTES * MIN_CHUNK) / planBuffers(config, <i32>MIN_CHUNK).bytes;
  return <i32>max(MIN_CHUNK, min(MAX_CHUNK, fit - (fit % CHUNK_STEP)));
}

/** Lays out all buffers that a forward call writes, except those of a sequence and the logits (logits.ts). */
export function planScratch(config: ModelConfig): ScratchPlan {
  return planBuffers(config, chunkRows(config));
}

function planBuffers(config: ModelConfig, rows: i32): ScratchPlan {
  const plan = new ScratchPlan();
  plan.maxChunk = rows;
  const mla = config.mla;
  const hidden = paddedRows(config.hiddenSize);
  const attnOut = config.heads * (mla ? config.valueDim : config.headDim);
  const experts = config.experts;
  const expertSize = experts === 0 ? 0 : config.expertSize;
  const wide = experts === 0 ? config.ffnSize : config.sharedSize;
  const gated = experts === 0 ? config.gated : config.sharedGated;
  const quant = alignUp(config.hiddenSize, L.BLOCK_COLS);
  const inner = alignUp(max(max(max(config.hiddenSize, wide), attnOut), mla ? max(max(config.qRank, config.kvRank), config.nopeDim) : 0), L.BLOCK_COLS);
  plan.activeWords = (experts + 31) >> 5;
  plan.put(L.SCRATCH_ROWS, <u64>rows * L.ROW_BYTES);
  plan.floats(L.SCRATCH_LOGIT_ROWS, 1);
  plan.floats(L.SCRATCH_IOTA, 1);
  plan.floats(L.SCRATCH_X, hidden);
  plan.floats(L.SCRATCH_NORMED, hidden);
  plan.floats(L.SCRATCH_BRANCH, hidden);
  plan.floats(L.SCRATCH_FINAL, hidden);
  plan.floats(L.SCRATCH_COS, config.rotated >> 1);
  plan.floats(L.SCRATCH_SIN, config.rotated >> 1);
  plan.floats(L.SCRATCH_Q, paddedRows(config.heads * config.queryDim));
  plan.floats(L.SCRATCH_K, paddedRows(mla ? config.kvRank + config.ropeDim : config.kvHeads * config.headDim));
  if (!mla) {
    plan.floats(L.SCRATCH_V, paddedRows(config.kvHeads * config.headDim));
    plan.floats(L.SCRATCH_K_ROTATED, paddedRows(config.kvHeads * config.headDim));
  } else {
    plan.floats(L.SCRATCH_Q_LOW, paddedRows(config.qRank));
    plan.floats(L.SCRATCH_Q_NORMED, paddedRows(config.qRank));
    plan.floats(L.SCRATCH_Q_LATENT, <u64>config.heads * (paddedRows(config.kvRank) + paddedRows(config.ropeDim)));
    plan.floats(L.SCRATCH_O_LATENT, <u64>config.heads * paddedRows(config.kvRank));
    plan.quantised(alignUp(max(config.nopeDim, config.kvRank), L.BLOCK_COLS), L.SCRATCH_HEAD_QUANT, L.SCRATCH_HEAD_SCALE, L.SCRATCH_HEAD_SUMS);
  }
  // One more panel: MLA writes each head's values as whole panels, the last one past the row's end.
  plan.floats(L.SCRATCH_ATTN, paddedRows(attnOut) + L.PANEL_ROWS);
  plan.floats(L.SCRATCH_ROUTER_RAW, paddedRows(experts));
  plan.floats(L.SCRATCH_ROUTER, paddedRows(experts));
  plan.floats(L.SCRATCH_PICKED, experts);
  const n = <u64>plan.maxChunk;
  // src/engine/scratch.ts gives it whole rows too.
  plan.put(L.SCRATCH_UNION, n * (((<u64>experts + 1) * 8 + n - 1) / n));
  // Every expert may be active for every row.
  plan.floats(L.SCRATCH_UP, max(paddedRows(wide), <u64>experts * paddedRows(expertSize)));
  const pairs = n * experts;
  const pairCols = alignUp(expertSize, L.BLOCK_COLS);
  plan.put(L.SCRATCH_PAIRS_QUANT, pairs * pairCols * 2);
  plan.put(L.SCRATCH_PAIRS_SCALE, pairs * 4);
  plan.put(L.SCRATCH_PAIRS_SUMS, pairs * (pairCols / L.BLOCK_COLS) * 4);
  plan.floats(L.SCRATCH_GATE, gated ? paddedRows(wide) : 0);
  plan.quantised(quant, L.SCRATCH_QUANT, L.SCRATCH_QUANT_SCALE, L.SCRATCH_QUANT_SUMS);
  plan.quantised(inner, L.SCRATCH_QUANT2, L.SCRATCH_QUANT2_SCALE, L.SCRATCH_QUANT2_SUMS);
  plan.put(L.SCRATCH_ACTIVE, <u64>config.layers * plan.maxChunk * plan.activeWords * 4);
  plan.constants[L.SCRATCH_QUANT_STRIDE >> 2] = <u32>quant;
  plan.constants[L.SCRATCH_SUMS_STRIDE >> 2] = <u32>(quant / L.BLOCK_COLS);
  plan.constants[L.SCRATCH_QUANT2_STRIDE >> 2] = <u32>inner;
  plan.constants[L.SCRATCH_SUMS2_STRIDE >> 2] = <u32>(inner / L.BLOCK_COLS);
  return plan;
}

/** Working memory must not dwarf the weights. */
export function checkScratch(scratch: ScratchPlan, weightBytes: u64): void {
  const limit = weightBytes + SCRATCH_ALLOWANCE;
  if (scratch.bytes > limit) fail(`the model's shape asks for ${scratch.bytes} bytes of working memory for ${weightBytes} bytes of weights; the limit is ${limit}`, "blockffn.config");
}

/** Writes the table of buffers at the start of the (cleared) scratch region, and the identity index list. */
export function writeScratch(at: usize, scratch: ScratchPlan): void {
  for (let i = 0; i < scratch.offsets.length; i++) {
    const offset = scratch.offsets[i];
    store<u32>(at + (i << 2), offset === 0 ? scratch.constants[i] : <u32>(at + <usize>offset));
  }
  const iota = at + <usize>scratch.offsets[L.SCRATCH_IOTA >> 2];
  for (let i = 0; i < scratch.maxChunk; i++) store<i32>(iota + (i << 2), i);
}
