import { Q4_BLOCK_BYTES, Q8_BLOCK_BYTES, Q8_GROUP_BLOCKS, PANEL_ROWS, Q8_HEAD_BYTES, WEIGHT_BF16, WEIGHT_F32, WEIGHT_Q4 } from "../../assembly/layout";
import { finiteFloats, finiteScales } from "../../assembly/kernels";
import { fail, failed } from "../failure";
import { matrixBytes, panelBytes } from "./panel";
import { Part, PART_EXPERTS, PART_MATRIX, WeightPlan } from "./plan";

// Mirrors src/load/check.ts.

/** Looks for NaN and infinity in f32 and bf16 weights and in the scales of quantised ones. Fails naming the tensor. */
export function checkWeights(plan: WeightPlan, weights: usize): void {
  for (let i = 0; i < plan.parts.length && !failed(); i++) {
    const part = plan.parts[i];
    if (!finitePart(part, weights + <usize>part.offset)) fail("holds NaN or infinite weights", part.name);
  }
}

function finitePart(part: Part, at: usize): bool {
  if (part.kind === PART_EXPERTS) {
    const up = <usize>matrixBytes(part.type, part.rows, part.cols);
    for (let e = 0; e < part.count; e++, at += <usize>part.stride) {
      if (!finiteMatrix(at, part.type, part.rows, part.cols) || !finiteMatrix(at + up, part.type, part.cols, part.rows)) return false;
    }
    return true;
  }
  if (part.kind !== PART_MATRIX) return finiteFloats(at, <i32>(part.bytes >> 2)) !== 0;
  const bytes = <usize>matrixBytes(part.type, part.rows, part.cols);
  for (let i = 0; i < part.count; i++, at += bytes) if (!finiteMatrix(at, part.type, part.rows, part.cols)) return false;
  return true;
}

function finiteMatrix(at: usize, type: i32, rows: i32, cols: i32): bool {
  const bytes = matrixBytes(type, rows, cols);
  if (type === WEIGHT_F32) return finiteFloats(at, <i32>(bytes >> 2)) !== 0;
  const panel = <usize>panelBytes(type, cols);
  if (type === WEIGHT_BF16) return finiteScales(at, <i32>(bytes / panel), panel, cols, PANEL_ROWS * 2) !== 0;
  const blocks = (cols + 31) >> 5;
  const groups = type === WEIGHT_Q4 ? blocks : (blocks + Q8_GROUP_BLOCKS - 1) / Q8_GROUP_BLOCKS;
  const stride = type === WEIGHT_Q4 ? Q4_BLOCK_BYTES : Q8_HEAD_BYTES + Q8_GROUP_BLOCKS * Q8_BLOCK_BYTES;
  return finiteScales(at, <i32>(bytes / panel), panel, groups, stride) !== 0;
}
