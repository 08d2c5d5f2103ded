import {
  MODEL_HIDDEN, MODEL_SCRATCH, SCRATCH_IOTA, SCRATCH_NORMED, SCRATCH_QUANT, SCRATCH_QUANT2, SCRATCH_QUANT2_SCALE, SCRATCH_QUANT2_STRIDE,
  SCRATCH_QUANT2_SUMS, SCRATCH_QUANT_SCALE, SCRATCH_QUANT_STRIDE, SCRATCH_QUANT_SUMS, SCRATCH_SUMS2_STRIDE, SCRATCH_SUMS_STRIDE, SCRATCH_UP,
} from "../layout";
import { int, padded, ptr } from "./descriptor";
import { Activations } from "./matrix";

/** What every step of one forward call needs: the descriptors, the number of rows, and the two sets of activations. */
@unmanaged
export class Pass {
  model: usize;
  sequence: usize;
  scratch: usize;
  n: i32;
  /** Cache row where the chunk goes. */
  base: i32;
  /** Cache rows that every row of the chunk sees; its mask speaks of the rows after them. */
  visible: i32;
  hidden: i32;
  /** Bytes between rows of hidden-sized buffers. */
  hiddenStride: usize;
  iota: usize;
  /** Input of a branch: the normed rows. */
  input: Activations;
  /** Input of a second product inside a branch. */
  inner: Activations;
}

const pass = changetype<Pass>(memory.data(offsetof<Pass>(), 8));
const input = changetype<Activations>(memory.data(offsetof<Activations>(), 8));
const inner = changetype<Activations>(memory.data(offsetof<Activations>(), 8));

/** The one Pass, set up for a call on n rows that go to cache rows base.. and all see the first `visible` ones. */
export function beginPass(model: usize, sequence: usize, n: i32, base: i32, visible: i32): Pass {
  const scratch = ptr(model, MODEL_SCRATCH);
  pass.model = model;
  pass.sequence = sequence;
  pass.scratch = scratch;
  pass.n = n;
  pass.base = base;
  pass.visible = visible;
  pass.hidden = int(model, MODEL_HIDDEN);
  pass.hiddenStride = <usize>padded(pass.hidden) << 2;
  pass.iota = ptr(scratch, SCRATCH_IOTA);
  pass.input = input;
  pass.inner = inner;
  input.x = ptr(scratch, SCRATCH_NORMED);
  input.xStride = pass.hiddenStride;
  input.q = ptr(scratch, SCRATCH_QUANT);
  input.qStride = ptr(scratch, SCRATCH_QUANT_STRIDE) << 1;
  input.scale = ptr(scratch, SCRATCH_QUANT_SCALE);
  input.sums = ptr(scratch, SCRATCH_QUANT_SUMS);
  input.sumsStride = ptr(scratch, SCRATCH_SUMS_STRIDE) << 2;
  inner.x = ptr(scratch, SCRATCH_UP);
  inner.xStride = 0;
  inner.q = ptr(scratch, SCRATCH_QUANT2);
  inner.qStride = ptr(scratch, SCRATCH_QUANT2_STRIDE) << 1;
  inner.scale = ptr(scratch, SCRATCH_QUANT2_SCALE);
  inner.sums = ptr(scratch, SCRATCH_QUANT2_SUMS);
  inner.sumsStride = ptr(scratch, SCRATCH_SUMS2_STRIDE) << 2;
  return pass;
}

/** Points `inner` at other f32 rows. */
// @ts-ignore: decorator
@inline
export function innerRows(p: Pass, x: usize, strideBytes: usize): Activations {
  p.inner.x = x;
  p.inner.xStride = strideBytes;
  return p.inner;
}
