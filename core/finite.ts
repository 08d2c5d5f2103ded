import { PANEL_ROWS, WEIGHT_F32 } from "./layout/matrix.ts";
import { ceilDivide } from "./numbers.ts";
import { paddedRows, panelBytes, scaleGroups, scaleStride } from "./panel.ts";
import { Part } from "./plan.ts";

/** The engine's two searches for NaN and infinity in linear memory. */
export abstract class FiniteSearch {
  /** Are `count` f32 finite? */
  abstract floats(address: f64, count: f64): bool;
  /** Are the 16 bf16 finite that begin `groups` times, `stride` bytes apart, in each of `panels` panels of `panelSize` bytes? */
  abstract scales(address: f64, panels: f64, panelSize: f64, groups: f64, stride: i32): bool;
}

/**
 * Looks through a part for values that no training leaves, NaN and infinity: in f32 and bf16 weights and in the scales of quantised blocks
 * (integer weights have none). @param address of the part
 */
export function finitePart(search: FiniteSearch, part: Part, address: f64): bool {
  for (let c = 0; c < part.count; c++) {
    let at = address + (c as f64) * part.stride;
    for (let i = 0; i < part.tensors.length; i++) {
      const tensor = part.tensors[i]!;
      if (!finiteMatrix(search, at, part.type, tensor.rows, tensor.cols)) return false;
      at += part.matrixSize(i);
    }
  }
  return true;
}

function finiteMatrix(search: FiniteSearch, at: f64, type: i32, rows: f64, cols: f64): bool {
  if (type === WEIGHT_F32) return search.floats(at, paddedRows(rows) * cols);
  const panel = panelBytes(type, cols);
  return search.scales(at, ceilDivide(rows, PANEL_ROWS), panel, scaleGroups(type, cols), scaleStride(type));
}
