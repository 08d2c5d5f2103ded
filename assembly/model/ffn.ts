import {
  LAYER_DOWN, LAYER_GATE, LAYER_UP, MATRIX_TYPE, MODEL_FFN, MODEL_FFN_GATED, MODEL_FFN_SIZE, MODEL_SHARED_GATED, MODEL_SHARED_SIZE,
  FFN_KIND_DENSE, SCRATCH_BRANCH, SCRATCH_GATE, SCRATCH_UP,
} from "../layout";
import { siluMul, siluScale } from "../kernels";
import { int, padded, ptr } from "./descriptor";
import { experts } from "./experts";
import { prepare, project } from "./matrix";
import { innerRows, Pass } from "./pass";

/** The feed-forward branch: reads `p.input`, leaves its output in SCRATCH_BRANCH. */
export function ffn(p: Pass, layer: usize, index: i32): void {
  if (int(p.model, MODEL_FFN) === FFN_KIND_DENSE) {
    denseFfn(p, layer, int(p.model, MODEL_FFN_SIZE), int(p.model, MODEL_FFN_GATED) !== 0);
    return;
  }
  const shared = int(p.model, MODEL_SHARED_SIZE);
  if (shared > 0) denseFfn(p, layer, shared, int(p.model, MODEL_SHARED_GATED) !== 0);
  else memory.fill(ptr(p.scratch, SCRATCH_BRANCH), 0, <usize>p.n * p.hiddenStride);
  experts(p, layer, index);
}

/** down(silu(gate(x)) * up(x)) (SwiGLU, arXiv 2002.05202), or down(silu(up(x))) without a gate. */
function denseFfn(p: Pass, layer: usize, size: i32, gated: bool): void {
  const stride = <usize>padded(size) << 2;
  const up = ptr(p.scratch, SCRATCH_UP);
  const gate = ptr(p.scratch, SCRATCH_GATE);
  prepare(p.input, int(layer, LAYER_UP + MATRIX_TYPE), p.n, p.hidden);
  project(layer + LAYER_UP, p.input, p.iota, p.n, up, stride);
  if (gated) project(layer + LAYER_GATE, p.input, p.iota, p.n, gate, stride);
  for (let t = 0; t < p.n; t++) {
    if (gated) siluMul(gate + <usize>t * stride, up + <usize>t * stride, size);
    else siluScale(up + <usize>t * stride, size, 1);
  }
  const rows = innerRows(p, up, stride);
  prepare(rows, int(layer, LAYER_DOWN + MATRIX_TYPE), p.n, size);
  project(layer + LAYER_DOWN, rows, p.iota, p.n, ptr(p.scratch, SCRATCH_BRANCH), p.hiddenStride);
}
