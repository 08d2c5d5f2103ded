import { BLOCK_COLS } from "../../core/layout/matrix";
import { MODEL_EXPERT_SIZE, MODEL_HIDDEN, MODEL_KV_RANK, MODEL_NOPE_DIM, MODEL_SCRATCH } from "../../core/layout/model";
import { PRODUCT_BYTES } from "../../core/layout/product";
import { ROW_BYTES } from "../../core/layout/rows";
import {
  OWN_ROWS,
  SCRATCH_BYTES,
  SCRATCH_HEAD_QUANT,
  SCRATCH_HEAD_SCALE,
  SCRATCH_HEAD_SUMS,
  SCRATCH_IOTA,
  SCRATCH_NORMED,
  SCRATCH_PAIRS_QUANT,
  SCRATCH_PAIRS_SCALE,
  SCRATCH_PAIRS_SUMS,
  SCRATCH_QUANT,
  SCRATCH_QUANT2,
  SCRATCH_QUANT2_SCALE,
  SCRATCH_QUANT2_STRIDE,
  SCRATCH_QUANT2_SUMS,
  SCRATCH_QUANT_SCALE,
  SCRATCH_QUANT_STRIDE,
  SCRATCH_QUANT_SUMS,
  SCRATCH_ROWS,
  SCRATCH_SUMS2_STRIDE,
  SCRATCH_SUMS_STRIDE,
  SCRATCH_UP,
} from "../../core/layout/scratch";
import { PASS_BYTES, TEAM_PASSES } from "../../core/layout/team";
import { int, padded, ptr } from "./descriptor";
import { Activations, Product } from "../kernels/product";
import { team, threadIndex } from "../team";

/** What every step of one forward call needs: the model, the table of rows, and the sets of activations. Each thread has its own. */
@unmanaged
export class Pass {
  model: usize;
  /**
   * Table of buffers. In a call of up to OWN_ROWS rows, what is computed row by row (residual stream, norms, quantised rows, router
   * scores) is computed by every thread into buffers of its own: cheaper than a barrier. In a larger call those buffers are shared.
   */
  scratch: usize;
  /** The call's rows (core/layout/rows.ts), of any sequences. */
  rows: usize;
  n: i32;
  hidden: i32;
  /** Bytes between rows of hidden-sized buffers. */
  hiddenStride: usize;
  iota: usize;
  /** Input of a branch: the normed rows. */
  input: Activations;
  /** Input of a second product inside a branch. */
  inner: Activations;
  /** Rows of one attention head; a thread's own, however many rows there are. */
  head: Activations;
  /** Experts' hidden rows, one for each pair of expert and token; shared, each written by who computes the expert. */
  pairs: Activations;
  /** Those of the expert before, where two are computed at once (expert.ts). */
  before: Activations;
  /** The product that the thread is at, and a second one at once (expert.ts). */
  product: Product;
  second: Product;
}

/** This thread's Pass, set up for a call on the first n rows of the model's scratch. */
export function beginPass(model: usize, n: i32): Pass {
  const at = team() + TEAM_PASSES + <usize>threadIndex() * PASS_BYTES;
  const pass = changetype<Pass>(at);
  const scratch = table(ptr(model, MODEL_SCRATCH), n);
  pass.model = model;
  pass.scratch = scratch;
  pass.rows = ptr(scratch, SCRATCH_ROWS);
  pass.n = n;
  pass.hidden = int(model, MODEL_HIDDEN);
  pass.hiddenStride = (<usize>padded(pass.hidden)) << 2;
  pass.iota = ptr(scratch, SCRATCH_IOTA);
  pass.input = activations(at, 0);
  pass.inner = activations(at, 1);
  pass.head = activations(at, 2);
  pass.pairs = activations(at, 3);
  pass.before = activations(at, 4);
  pass.product = product(at, 0);
  pass.second = product(at, 1);
  setRows(pass.input, ptr(scratch, SCRATCH_NORMED), pass.hiddenStride);
  setQuantised(
    pass.input,
    scratch,
    SCRATCH_QUANT,
    SCRATCH_QUANT_SCALE,
    SCRATCH_QUANT_SUMS,
    int(scratch, SCRATCH_QUANT_STRIDE),
    int(scratch, SCRATCH_SUMS_STRIDE),
  );
  setQuantised(
    pass.inner,
    scratch,
    SCRATCH_QUANT2,
    SCRATCH_QUANT2_SCALE,
    SCRATCH_QUANT2_SUMS,
    int(scratch, SCRATCH_QUANT2_STRIDE),
    int(scratch, SCRATCH_SUMS2_STRIDE),
  );
  const head = blocks(max(int(model, MODEL_NOPE_DIM), int(model, MODEL_KV_RANK)));
  setQuantised(pass.head, scratch, SCRATCH_HEAD_QUANT, SCRATCH_HEAD_SCALE, SCRATCH_HEAD_SUMS, head * BLOCK_COLS, head);
  pairRows(pass, 0);
  return pass;
}

/** The t-th row of the call. */
// @ts-ignore: decorator
@inline
export function rowAt(p: Pass, t: i32): usize {
  return p.rows + <usize>t * ROW_BYTES;
}

/** The thread's table of buffers for a call of n rows (core/layout/scratch.ts, SCRATCH_BYTES). */
function table(first: usize, n: i32): usize {
  const thread = threadIndex();
  return thread === 0 ? first : first + <usize>(2 * thread - (n > OWN_ROWS ? 0 : 1)) * SCRATCH_BYTES;
}

function activations(pass: usize, index: i32): Activations {
  return changetype<Activations>(pass + offsetof<Pass>() + <usize>index * offsetof<Activations>());
}

function product(pass: usize, index: i32): Product {
  return changetype<Product>(pass + offsetof<Pass>() + 5 * offsetof<Activations>() + <usize>index * PRODUCT_BYTES);
}

function setRows(a: Activations, x: usize, strideBytes: usize): void {
  a.x = x;
  a.xStride = strideBytes;
}

/** `qStride` in i16, `sumsStride` in i32. */
function setQuantised(a: Activations, scratch: usize, quant: i32, scale: i32, sums: i32, qStride: i32, sumsStride: i32): void {
  a.q = ptr(scratch, quant);
  a.qStride = (<usize>qStride) << 1;
  a.scales = ptr(scratch, scale);
  a.sums = ptr(scratch, sums);
  a.sumsStride = (<usize>sumsStride) << 2;
}

function blocks(cols: i32): i32 {
  return (cols + BLOCK_COLS - 1) / BLOCK_COLS;
}

/** Points `inner` at other f32 rows. */
// @ts-ignore: decorator
@inline
export function innerRows(p: Pass, x: usize, strideBytes: usize): Activations {
  setRows(p.inner, x, strideBytes);
  return p.inner;
}

/** Points `head` at other f32 rows. */
// @ts-ignore: decorator
@inline
export function headRows(p: Pass, x: usize, strideBytes: usize): Activations {
  setRows(p.head, x, strideBytes);
  return p.head;
}

/** Points `pairs` at the pairs from `start` on. */
export function pairRows(p: Pass, start: i32): Activations {
  return pairsAt(p, p.pairs, start);
}

/** Points `a` at the pairs from `start` on. */
export function pairsAt(p: Pass, a: Activations, start: i32): Activations {
  const size = int(p.model, MODEL_EXPERT_SIZE);
  const count = blocks(size);
  const stride = (<usize>padded(size)) << 2;
  setRows(a, ptr(p.scratch, SCRATCH_UP) + <usize>start * stride, stride);
  setQuantised(a, p.scratch, SCRATCH_PAIRS_QUANT, SCRATCH_PAIRS_SCALE, SCRATCH_PAIRS_SUMS, count * BLOCK_COLS, count);
  a.q += <usize>start * a.qStride;
  a.scales += (<usize>start) << 2;
  a.sums += <usize>start * a.sumsStride;
  return a;
}
