import * as L from "../../assembly/layout.ts";
import { LimitError } from "../errors.ts";
import type { ModelConfig } from "./config.ts";
import type { Engine } from "./engine.ts";
import { alignUp, paddedRows } from "./panel.ts";

/** Scratch buffers of a model: offsets from the start of the scratch region, by field of layout.ts. */
export interface ScratchPlan {
  readonly maxChunk: number;
  readonly offsets: ReadonlyMap<number, number>;
  readonly constants: ReadonlyMap<number, number>;
  /** Where the logits lie, and floats between rows. */
  readonly logitsStride: number;
  /** u32 words of a token's expert mask in one layer. */
  readonly activeWords: number;
  readonly bytes: number;
}

/** Most rows of a chunk: one bit each in a 64-bit ancestor mask. */
export const MAX_CHUNK = 64;
/** Logits for a whole chunk may take this much; models with a larger vocabulary get shorter chunks. */
const MAX_LOGIT_BYTES = 32 * 2 ** 20;
const MIN_CHUNK = 8;
/** Scratch beyond the weights' size plus this comes from no sensible architecture. */
const SCRATCH_ALLOWANCE = 64 * 2 ** 20;

/** Rows that a forward call of this model takes at most. */
export function chunkRows(config: ModelConfig): number {
  const fit = Math.floor(MAX_LOGIT_BYTES / (4 * paddedRows(config.vocabSize)));
  return Math.max(MIN_CHUNK, Math.min(MAX_CHUNK, fit));
}

/** Lays out all buffers that a forward call writes, except those of a sequence. */
export function planScratch(config: ModelConfig): ScratchPlan {
  const n = chunkRows(config);
  const { attention: a, ffn, hiddenSize, vocabSize, layers } = config;
  const hidden = paddedRows(hiddenSize);
  const gqa = a.kind === "gqa";
  const ropeDim = gqa ? a.headDim : a.ropeDim;
  const queries = a.heads * (gqa ? a.headDim : a.nopeDim + a.ropeDim);
  const attnOut = a.heads * (gqa ? a.headDim : a.valueDim);
  const experts = ffn.kind === "experts" ? ffn.experts : 0;
  const wide = ffn.kind === "dense" ? ffn.size : Math.max(ffn.expertSize, ffn.sharedSize);
  const gated = ffn.kind === "dense" ? ffn.gated : ffn.sharedGated;
  const quant = alignUp(hiddenSize, L.BLOCK_COLS);
  const inner = alignUp(Math.max(wide, attnOut, gqa ? 0 : Math.max(a.qRank, a.kvRank, a.nopeDim)), L.BLOCK_COLS);
  const activeWords = Math.ceil(experts / 32);
  const logitsStride = paddedRows(vocabSize);

  const offsets = new Map<number, number>();
  let end = alignUp(L.SCRATCH_BYTES, 64);
  const put = (field: number, bytes: number): void => {
    offsets.set(field, end);
    end = alignUp(end + bytes, 64);
  };
  const floats = (field: number, perRow: number): void => put(field, n * perRow * 4);
  floats(L.SCRATCH_TOKENS, 1);
  floats(L.SCRATCH_POSITIONS, 1);
  floats(L.SCRATCH_MASKS, 2);
  floats(L.SCRATCH_IOTA, 1);
  floats(L.SCRATCH_X, hidden);
  floats(L.SCRATCH_NORMED, hidden);
  floats(L.SCRATCH_BRANCH, hidden);
  floats(L.SCRATCH_FINAL, hidden);
  floats(L.SCRATCH_COS, ropeDim / 2);
  floats(L.SCRATCH_SIN, ropeDim / 2);
  floats(L.SCRATCH_Q, paddedRows(queries));
  floats(L.SCRATCH_K, paddedRows(gqa ? a.kvHeads * a.headDim : a.kvRank + a.ropeDim));
  if (gqa) floats(L.SCRATCH_V, paddedRows(a.kvHeads * a.headDim));
  else {
    floats(L.SCRATCH_Q_LOW, paddedRows(a.qRank));
    floats(L.SCRATCH_Q_LATENT, a.heads * (paddedRows(a.kvRank) + paddedRows(a.ropeDim)));
    floats(L.SCRATCH_O_LATENT, a.heads * paddedRows(a.kvRank));
  }
  // One more panel: MLA writes each head's values as whole panels, the last one past the row's end.
  floats(L.SCRATCH_ATTN, paddedRows(attnOut) + L.PANEL_ROWS);
  floats(L.SCRATCH_ROUTER_RAW, paddedRows(experts));
  floats(L.SCRATCH_ROUTER, paddedRows(experts));
  floats(L.SCRATCH_PICKED, 1);
  floats(L.SCRATCH_UP, paddedRows(wide));
  floats(L.SCRATCH_GATE, gated ? paddedRows(wide) : 0);
  put(L.SCRATCH_QUANT, n * quant * 2);
  floats(L.SCRATCH_QUANT_SCALE, 1);
  floats(L.SCRATCH_QUANT_SUMS, quant / L.BLOCK_COLS);
  put(L.SCRATCH_QUANT2, n * inner * 2);
  floats(L.SCRATCH_QUANT2_SCALE, 1);
  floats(L.SCRATCH_QUANT2_SUMS, inner / L.BLOCK_COLS);
  floats(L.SCRATCH_LOGITS, logitsStride);
  put(L.SCRATCH_ACTIVE, layers * n * activeWords * 4);
  const constants = new Map([
    [L.SCRATCH_QUANT_STRIDE, quant],
    [L.SCRATCH_SUMS_STRIDE, quant / L.BLOCK_COLS],
    [L.SCRATCH_QUANT2_STRIDE, inner],
    [L.SCRATCH_SUMS2_STRIDE, inner / L.BLOCK_COLS],
  ]);
  return { maxChunk: n, offsets, constants, logitsStride, activeWords, bytes: end };
}

/** Working memory must not dwarf the weights. @throws LimitError naming the file that asks for it. */
export function checkScratch(scratch: ScratchPlan, weightBytes: number, file: string): void {
  const limit = weightBytes + SCRATCH_ALLOWANCE;
  if (scratch.bytes <= limit) return;
  throw new LimitError(`the model's shape asks for ${scratch.bytes} bytes of working memory for ${weightBytes} bytes of weights`, { file, field: "config", limit });
}

/** Writes the table of buffers at the start of the scratch region, and the identity index list. */
export function writeScratch(engine: Engine, at: number, scratch: ScratchPlan): void {
  const view = new DataView(engine.memory.buffer);
  for (const [field, offset] of scratch.offsets) view.setUint32(at + field, at + offset, true);
  for (const [field, value] of scratch.constants) view.setUint32(at + field, value, true);
  const iota = engine.u32(at + (scratch.offsets.get(L.SCRATCH_IOTA) as number), scratch.maxChunk);
  for (let i = 0; i < iota.length; i++) iota[i] = i;
}
