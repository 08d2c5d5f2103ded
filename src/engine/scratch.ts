import * as L from "../../assembly/layout.ts";
import { LimitError } from "../errors.ts";
import type { ModelConfig } from "../architecture/config.ts";
import type { Engine } from "./engine.ts";
import { alignUp, paddedRows } from "../architecture/panel.ts";

/** Scratch buffers of a model: offsets from the start of the scratch region, by field of layout.ts. */
export interface ScratchPlan {
  readonly maxChunk: number;
  readonly offsets: ReadonlyMap<number, number>;
  /** The tables of the other threads, in order: what is elsewhere than in the first one. */
  readonly otherTables: readonly ReadonlyMap<number, number>[];
  readonly constants: ReadonlyMap<number, number>;
  /** u32 words of a token's expert mask in one layer. */
  readonly activeWords: number;
  readonly bytes: number;
}

/** Most rows of a call. */
export const MAX_CHUNK = 256;
/** Those of an EAGLE head: a tree. Its memory is beside the base model's, and only prompts would fill more. */
export const DRAFT_CHUNK = L.TREE_NODES;
const MIN_CHUNK = 8;
/** Models whose rows need more room than this in all take fewer of them ... */
const MAX_ROW_BYTES = 32 * 2 ** 20;
/** ... whole steps of them. */
const CHUNK_STEP = 8;
/** Scratch beyond the weights' size plus this comes from no sensible architecture. */
const SCRATCH_ALLOWANCE = 64 * 2 ** 20;

/** Rows that a forward call of this model takes at most, `most` being no fewer than MIN_CHUNK. */
export function chunkRows(config: ModelConfig, most = MAX_CHUNK): number {
  const fit = Math.floor((MAX_ROW_BYTES * MIN_CHUNK) / planBuffers(config, 1, MIN_CHUNK).bytes);
  return Math.max(MIN_CHUNK, Math.min(most, fit - (fit % CHUNK_STEP)));
}

/**
 * Lays out all buffers that a forward call on `threads` threads writes, except those of a sequence and the logits (logits.ts).
 * @param most rows of a call, where they do not need too much room
 */
export function planScratch(config: ModelConfig, threads: number, most = MAX_CHUNK): ScratchPlan {
  return planBuffers(config, threads, chunkRows(config, most));
}

function planBuffers(config: ModelConfig, threads: number, n: number): ScratchPlan {
  const { attention: a, ffn, hiddenSize, layers } = config;
  const hidden = paddedRows(hiddenSize);
  const gqa = a.kind === "gqa";
  const ropeDim = gqa ? a.headDim : a.ropeDim;
  const queries = a.heads * (gqa ? a.headDim : a.nopeDim + a.ropeDim);
  const attnOut = a.heads * (gqa ? a.headDim : a.valueDim);
  const experts = ffn.kind === "experts" ? ffn.experts : 0;
  const expertSize = ffn.kind === "experts" ? ffn.expertSize : 0;
  const wide = ffn.kind === "dense" ? ffn.size : ffn.sharedSize;
  const gated = ffn.kind === "dense" ? ffn.gated : ffn.sharedGated;
  const quant = alignUp(hiddenSize, L.BLOCK_COLS);
  const inner = alignUp(Math.max(hiddenSize, wide, attnOut, gqa ? 0 : Math.max(a.qRank, a.kvRank, a.nopeDim)), L.BLOCK_COLS);
  const activeWords = Math.ceil(experts / 32);

  const offsets = new Map<number, number>();
  const tables = 2 * threads - 1;
  let end = alignUp(tables * L.SCRATCH_BYTES, 64);
  const place = (bytes: number): number => {
    const at = end;
    end = alignUp(end + bytes, 64);
    return at;
  };
  const put = (field: number, bytes: number): void => void offsets.set(field, place(bytes));
  const floats = (field: number, perRow: number): void => put(field, n * perRow * 4);
  // What each thread has for itself in a call of OWN_ROWS rows, and always: fields, with the bytes of a row.
  const ofRow: [field: number, bytes: number][] = [];
  const always: [field: number, bytes: number][] = [];
  const rows = (field: number, bytes: number): void => {
    put(field, n * bytes);
    ofRow.push([field, bytes]);
  };
  const own = (field: number, bytes: number): void => {
    put(field, n * bytes);
    always.push([field, n * bytes]);
  };
  const quantised = (add: typeof rows, columns: number, quantField: number, scaleField: number, sumsField: number): void => {
    add(quantField, columns * 2);
    add(scaleField, 4);
    add(sumsField, (columns / L.BLOCK_COLS) * 4);
  };
  put(L.SCRATCH_ROWS, n * L.ROW_BYTES);
  floats(L.SCRATCH_LOGIT_ROWS, 1);
  floats(L.SCRATCH_IOTA, 1);
  rows(L.SCRATCH_X, hidden * 4);
  rows(L.SCRATCH_NORMED, hidden * 4);
  floats(L.SCRATCH_BRANCH, hidden);
  rows(L.SCRATCH_FINAL, hidden * 4);
  rows(L.SCRATCH_COS, ropeDim * 2);
  rows(L.SCRATCH_SIN, ropeDim * 2);
  floats(L.SCRATCH_Q, paddedRows(queries));
  floats(L.SCRATCH_K, paddedRows(gqa ? a.kvHeads * a.headDim : a.kvRank + a.ropeDim));
  if (gqa) {
    floats(L.SCRATCH_V, paddedRows(a.kvHeads * a.headDim));
    rows(L.SCRATCH_K_ROTATED, paddedRows(a.kvHeads * a.headDim) * 4);
  } else {
    floats(L.SCRATCH_Q_LOW, paddedRows(a.qRank));
    rows(L.SCRATCH_Q_NORMED, paddedRows(a.qRank) * 4);
    floats(L.SCRATCH_Q_LATENT, a.heads * (paddedRows(a.kvRank) + paddedRows(a.ropeDim)));
    floats(L.SCRATCH_O_LATENT, a.heads * paddedRows(a.kvRank));
    quantised(own, alignUp(Math.max(a.nopeDim, a.kvRank), L.BLOCK_COLS), L.SCRATCH_HEAD_QUANT, L.SCRATCH_HEAD_SCALE, L.SCRATCH_HEAD_SUMS);
  }
  // One more panel: MLA writes each head's values as whole panels, the last one past the row's end.
  floats(L.SCRATCH_ATTN, paddedRows(attnOut) + L.PANEL_ROWS);
  floats(L.SCRATCH_ROUTER_RAW, paddedRows(experts));
  rows(L.SCRATCH_ROUTER, paddedRows(experts) * 4);
  own(L.SCRATCH_PICKED, experts * 4);
  own(L.SCRATCH_UNION, Math.ceil(((experts + 1) * 8) / n));
  // Every expert may be active for every row.
  floats(L.SCRATCH_UP, Math.max(paddedRows(wide), experts * paddedRows(expertSize)));
  put(L.SCRATCH_PAIRS_QUANT, n * experts * alignUp(expertSize, L.BLOCK_COLS) * 2);
  put(L.SCRATCH_PAIRS_SCALE, n * experts * 4);
  put(L.SCRATCH_PAIRS_SUMS, n * experts * (alignUp(expertSize, L.BLOCK_COLS) / L.BLOCK_COLS) * 4);
  // Room for a call of two rows that activates every expert; larger ones share the ways down instead (assembly/model/experts.ts).
  const expertRows = threads > 1 ? 2 * experts : 0;
  if (expertRows > 0) put(L.SCRATCH_EXPERT_ROWS, expertRows * hidden * 4);
  floats(L.SCRATCH_GATE, gated ? paddedRows(wide) : 0);
  quantised(rows, quant, L.SCRATCH_QUANT, L.SCRATCH_QUANT_SCALE, L.SCRATCH_QUANT_SUMS);
  quantised(rows, inner, L.SCRATCH_QUANT2, L.SCRATCH_QUANT2_SCALE, L.SCRATCH_QUANT2_SUMS);
  rows(L.SCRATCH_ACTIVE, layers * activeWords * 4);
  const otherTables: ReadonlyMap<number, number>[] = [];
  for (let thread = 1; thread < threads; thread++) {
    const mine = new Map(always.map(([field, bytes]) => [field, place(bytes)]));
    otherTables.push(new Map([...mine, ...ofRow.map(([field, bytes]): [number, number] => [field, place(L.OWN_ROWS * bytes)])]), mine);
  }
  const constants = new Map([
    [L.SCRATCH_QUANT_STRIDE, quant],
    [L.SCRATCH_SUMS_STRIDE, quant / L.BLOCK_COLS],
    [L.SCRATCH_QUANT2_STRIDE, inner],
    [L.SCRATCH_SUMS2_STRIDE, inner / L.BLOCK_COLS],
    [L.SCRATCH_EXPERT_ROWS_MAX, expertRows],
  ]);
  return { maxChunk: n, offsets, otherTables, constants, activeWords, bytes: end };
}

/** Working memory must not dwarf the weights. @throws LimitError naming the file that asks for it. */
export function checkScratch(scratch: ScratchPlan, weightBytes: number, file: string): void {
  const limit = weightBytes + SCRATCH_ALLOWANCE;
  if (scratch.bytes <= limit) return;
  throw new LimitError(`the model's shape asks for ${scratch.bytes} bytes of working memory for ${weightBytes} bytes of weights`, { file, field: "config", limit });
}

/** Writes the tables of buffers at the start of the scratch region, and the identity index list. */
export function writeScratch(engine: Engine, at: number, scratch: ScratchPlan): void {
  const view = engine.view();
  [new Map<number, number>(), ...scratch.otherTables].forEach((own, i) => {
    const table = at + i * L.SCRATCH_BYTES;
    for (const [field, offset] of scratch.offsets) view.setUint32(table + field, at + (own.get(field) ?? offset), true);
    for (const [field, value] of scratch.constants) view.setUint32(table + field, value, true);
  });
  const iota = engine.u32(at + (scratch.offsets.get(L.SCRATCH_IOTA) as number), scratch.maxChunk);
  for (let i = 0; i < iota.length; i++) iota[i] = i;
}
