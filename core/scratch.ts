import { Architecture } from "./architecture.ts";
import { WordWriter } from "./descriptor.ts";
import * as L from "./layout/scratch.ts";
import { BLOCK_COLS, PANEL_ROWS } from "./layout/matrix.ts";
import { ROW_BYTES, TREE_NODES } from "./layout/rows.ts";
import { alignUp, ceilDivide, floorDivide } from "./numbers.ts";
import { paddedRows } from "./panel.ts";
import { digits, Problem, PROBLEM_MEMORY } from "./problem.ts";

/** Most rows of a call. */
export const MAX_CHUNK = 256;
/**
 * Rows of a prompt's call: 128 or 256 were at most 3 % faster (bench/RESULTS.md, "Rows"), and between two calls other tasks have their
 * turn.
 */
export const PROMPT_CHUNK = 64;
/** Rows of an EAGLE head's call: a tree. Its memory is beside the base model's, and only prompts would fill more. */
export const DRAFT_CHUNK = TREE_NODES;
const MIN_CHUNK = 8;
/** Models whose rows need more room than this in all take fewer of them ... */
const MAX_ROW_BYTES: f64 = 33_554_432;
/** ... whole steps of them. */
const CHUNK_STEP = 8;
/** Scratch beyond the weights' size plus this comes from no sensible architecture. */
const SCRATCH_ALLOWANCE: f64 = 67_108_864;

const ALIGN = 64;
const WORDS = L.SCRATCH_BYTES >> 2;

/** What a buffer is in the tables of the other threads: the first thread's, their own for rows of small calls, or always their own. */
const SHARED = 0;
const OWN_FOR_FEW_ROWS = 1;
const OWN = 2;

/** Scratch buffers of a model: where they lie, from the start of the scratch region. */
export class ScratchPlan {
  /** Bytes from the start, by field / 4 of layout/scratch.ts; 0 for what has no buffer. */
  readonly offsets: Float64Array = new Float64Array(WORDS);
  /** Fields that are numbers. */
  readonly constants: Float64Array = new Float64Array(WORDS);
  /** The tables of the other threads, in order; 0 where the first one's buffer is shared. */
  readonly otherTables: Float64Array[] = [];
  /** u32 words of a token's expert mask in one layer. */
  activeWords: i32 = 0;
  bytes: f64;
  private readonly rowBytes: Float64Array = new Float64Array(WORDS);
  private readonly owners: Int32Array = new Int32Array(WORDS);

  /** @param maxChunk rows of a call at most */
  constructor(
    readonly maxChunk: i32,
    readonly threads: i32,
  ) {
    this.bytes = alignUp((2 * threads - 1) * L.SCRATCH_BYTES, ALIGN);
  }

  /** Bytes from the start of the scratch region to a buffer. */
  offset(field: i32): f64 {
    return this.offsets[field >> 2]!;
  }

  /** A buffer of `bytes`. */
  put(field: i32, bytes: f64): void {
    this.offsets[field >> 2] = this.place(bytes);
  }

  /** A buffer of `rowBytes` a row; `owner` says who has one. */
  rows(field: i32, rowBytes: f64, owner: i32 = SHARED): void {
    this.put(field, rowBytes * this.maxChunk);
    this.rowBytes[field >> 2] = rowBytes;
    this.owners[field >> 2] = owner;
  }

  /** Rows of i16, with their scales and block sums. */
  quantised(columns: f64, quantField: i32, scaleField: i32, sumsField: i32, owner: i32): void {
    this.rows(quantField, columns * 2, owner);
    this.rows(scaleField, 4, owner);
    this.rows(sumsField, ceilDivide(columns, BLOCK_COLS) * 4, owner);
  }

  constant(field: i32, value: f64): void {
    this.constants[field >> 2] = value;
  }

  /** Lays out the other threads' tables: two each, for calls of up to OWN_ROWS rows, and for larger ones. */
  finish(): void {
    for (let thread = 1; thread < this.threads; thread++) {
      const always = new Float64Array(WORDS);
      for (let i = 0; i < WORDS; i++) if (this.owners[i]! === OWN) always[i] = this.place(this.rowBytes[i]! * this.maxChunk);
      const few = new Float64Array(WORDS);
      for (let i = 0; i < WORDS; i++) {
        few[i] = this.owners[i]! === OWN_FOR_FEW_ROWS ? this.place(this.rowBytes[i]! * L.OWN_ROWS) : always[i]!;
      }
      this.otherTables.push(few);
      this.otherTables.push(always);
    }
  }

  private place(bytes: f64): f64 {
    const at = this.bytes;
    this.bytes = alignUp(at + bytes, ALIGN);
    return at;
  }
}

/** Rows that a forward call of this model takes at most, `most` being no fewer than MIN_CHUNK. */
export function chunkRows(a: Architecture, most: i32): i32 {
  const fit = floorDivide(MAX_ROW_BYTES * MIN_CHUNK, planBuffers(a, 1, MIN_CHUNK).bytes);
  const steps = floorDivide(fit, CHUNK_STEP) * CHUNK_STEP;
  return Math.max(MIN_CHUNK, Math.min(most, steps)) as i32;
}

/**
 * Lays out all buffers that a forward call on `threads` threads writes, except those of a sequence and the logits.
 * @param most rows of a call, where they do not need too much room
 */
export function planScratch(a: Architecture, threads: i32, most: i32): ScratchPlan {
  return planBuffers(a, threads, chunkRows(a, most));
}

function planBuffers(a: Architecture, threads: i32, rows: i32): ScratchPlan {
  const plan = new ScratchPlan(rows, threads);
  const hidden = paddedRows(a.hiddenSize);
  const quant = alignUp(a.hiddenSize, BLOCK_COLS);
  plan.put(L.SCRATCH_ROWS, (rows as f64) * ROW_BYTES);
  plan.rows(L.SCRATCH_LOGIT_ROWS, 4);
  plan.rows(L.SCRATCH_IOTA, 4);
  plan.rows(L.SCRATCH_X, hidden * 4, OWN_FOR_FEW_ROWS);
  plan.rows(L.SCRATCH_NORMED, hidden * 4, OWN_FOR_FEW_ROWS);
  plan.rows(L.SCRATCH_BRANCH, hidden * 4);
  plan.rows(L.SCRATCH_FINAL, hidden * 4, OWN_FOR_FEW_ROWS);
  attentionBuffers(plan, a);
  expertBuffers(plan, a);
  const commonGate = a.commonGated ? paddedRows(a.commonSize) : 0.0;
  const expertGates = a.expertGated ? paddedRows(a.expertSize) * a.experts : 0.0;
  plan.rows(L.SCRATCH_GATE, Math.max(commonGate, expertGates) * 4);
  plan.quantised(quant, L.SCRATCH_QUANT, L.SCRATCH_QUANT_SCALE, L.SCRATCH_QUANT_SUMS, OWN_FOR_FEW_ROWS);
  const inner = alignUp(widestInput(a), BLOCK_COLS);
  plan.quantised(inner, L.SCRATCH_QUANT2, L.SCRATCH_QUANT2_SCALE, L.SCRATCH_QUANT2_SUMS, OWN_FOR_FEW_ROWS);
  plan.activeWords = (a.experts + 31) >> 5;
  plan.rows(L.SCRATCH_ACTIVE, (a.layers as f64) * plan.activeWords * 4, OWN_FOR_FEW_ROWS);
  plan.constant(L.SCRATCH_QUANT_STRIDE, quant);
  plan.constant(L.SCRATCH_SUMS_STRIDE, ceilDivide(quant, BLOCK_COLS));
  plan.constant(L.SCRATCH_QUANT2_STRIDE, inner);
  plan.constant(L.SCRATCH_SUMS2_STRIDE, ceilDivide(inner, BLOCK_COLS));
  plan.finish();
  return plan;
}

/** The widest row that a matrix reads beside the normed hidden state. */
function widestInput(a: Architecture): f64 {
  const common = Math.max(Math.max(a.hiddenSize, a.commonSize), a.attentionWidth);
  return Math.max(common, Math.max(Math.max(a.qRank, a.kvRank), a.nopeDim));
}

function attentionBuffers(plan: ScratchPlan, a: Architecture): void {
  plan.rows(L.SCRATCH_COS, (a.rotated as f64) * 2, OWN_FOR_FEW_ROWS);
  plan.rows(L.SCRATCH_SIN, (a.rotated as f64) * 2, OWN_FOR_FEW_ROWS);
  plan.rows(L.SCRATCH_Q, paddedRows(a.queryWidth) * 4);
  plan.rows(L.SCRATCH_K, paddedRows(a.keyWidth) * 4);
  if (a.mla) {
    plan.rows(L.SCRATCH_Q_LOW, paddedRows(a.qRank) * 4);
    plan.rows(L.SCRATCH_Q_NORMED, paddedRows(a.qRank) * 4, OWN_FOR_FEW_ROWS);
    plan.rows(L.SCRATCH_Q_LATENT, (paddedRows(a.kvRank) + paddedRows(a.ropeDim)) * a.heads * 4);
    plan.rows(L.SCRATCH_O_LATENT, paddedRows(a.kvRank) * a.heads * 4);
    const widest = alignUp(Math.max(a.nopeDim, a.kvRank), BLOCK_COLS);
    plan.quantised(widest, L.SCRATCH_HEAD_QUANT, L.SCRATCH_HEAD_SCALE, L.SCRATCH_HEAD_SUMS, OWN);
  } else {
    plan.rows(L.SCRATCH_V, paddedRows(a.keyWidth) * 4);
    plan.rows(L.SCRATCH_K_ROTATED, paddedRows(a.keyWidth) * 4, OWN_FOR_FEW_ROWS);
  }
  // One more panel: MLA writes each head's values as whole panels, the last one past the row's end.
  plan.rows(L.SCRATCH_ATTN, (paddedRows(a.attentionWidth) + PANEL_ROWS) * 4);
}

function expertBuffers(plan: ScratchPlan, a: Architecture): void {
  const experts: f64 = a.experts;
  const pairs = experts * plan.maxChunk;
  const columns = alignUp(a.expertSize, BLOCK_COLS);
  plan.rows(L.SCRATCH_ROUTER_RAW, paddedRows(experts) * 4);
  plan.rows(L.SCRATCH_ROUTER, paddedRows(experts) * 4, OWN_FOR_FEW_ROWS);
  plan.rows(L.SCRATCH_PICKED, experts * 4, OWN);
  plan.rows(L.SCRATCH_UNION, ceilDivide((experts + 1) * 8, plan.maxChunk), OWN);
  // Every expert may be active for every row.
  plan.rows(L.SCRATCH_UP, Math.max(paddedRows(a.commonSize), experts * paddedRows(a.expertSize)) * 4);
  plan.put(L.SCRATCH_PAIRS_QUANT, pairs * columns * 2);
  plan.put(L.SCRATCH_PAIRS_SCALE, pairs * 4);
  plan.put(L.SCRATCH_PAIRS_SUMS, pairs * ceilDivide(columns, BLOCK_COLS) * 4);
  if (plan.threads === 1 || a.experts === 0) return;
  // Room for a call of two rows that activates every expert; larger ones share the ways down instead (assembly/model/experts.ts).
  plan.put(L.SCRATCH_EXPERT_ROWS, 2 * experts * paddedRows(a.hiddenSize) * 4);
  plan.constant(L.SCRATCH_EXPERT_ROWS_MAX, 2 * experts);
}

/** Working memory must not dwarf the weights. @returns what is wrong, or null */
export function checkScratch(plan: ScratchPlan, weightBytes: f64): Problem | null {
  const limit = weightBytes + SCRATCH_ALLOWANCE;
  if (plan.bytes <= limit) return null;
  const asked = "the model's shape asks for " + digits(plan.bytes) + " bytes of working memory";
  const text = asked + " for " + digits(weightBytes) + " bytes of weights";
  return new Problem(PROBLEM_MEMORY, "config", limit, text);
}

/** Writes the tables of buffers at the start of the (cleared) scratch region, and the identity index list. @param at its address */
export function writeScratch(out: WordWriter, at: f64, plan: ScratchPlan): void {
  for (let t = 0; t <= plan.otherTables.length; t++) {
    const table = at + (t as f64) * L.SCRATCH_BYTES;
    for (let i = 0; i < WORDS; i++) {
      const own = t === 0 ? 0.0 : plan.otherTables[t - 1]![i]!;
      const offset = own !== 0 ? own : plan.offsets[i]!;
      out.u32(table + ((i << 2) as f64), offset !== 0 ? at + offset : plan.constants[i]!);
    }
  }
  const iota = at + plan.offset(L.SCRATCH_IOTA);
  for (let i = 0; i < plan.maxChunk; i++) out.u32(iota + ((i << 2) as f64), i);
}
