import {
  BLOCK_COLS,
  PANEL_ROWS,
  Q4_BLOCK_BYTES,
  Q8_BLOCK_BYTES,
  Q8_GROUP_BLOCKS,
  Q8_HEAD_BYTES,
  SCALE_BYTES,
  WEIGHT_BF16 as BF16,
  WEIGHT_F32 as F32,
  WEIGHT_Q8 as Q8,
} from "../../../core/layout/matrix.ts";
import { panelBytes } from "../../../core/panel.ts";

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** Bits of the bfloat16 nearest to x (ties away from zero). */
function bf16Nearest(x: number): number {
  float[0] = x;
  return (((word[0] as number) + 0x8000) >>> 16) & 0xffff;
}

/** Bits of the bfloat16 nearest to x, ties to even, as training frameworks round. */
function bf16Even(x: number): number {
  float[0] = x;
  const bits = word[0] as number;
  // NaN stays one, and is found by whoever checks.
  if ((bits & 0x7f800000) === 0x7f800000) return (bits >>> 16) | (bits & 0x7fffff ? 0x40 : 0);
  const rounded = (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  // A float near the largest must not become infinite.
  return (rounded & 0x7f80) === 0x7f80 ? rounded - 1 : rounded;
}

/** Bits of the smallest bfloat16 that is not below |x|, with x's sign. */
function bf16Away(x: number): number {
  float[0] = x;
  return (((word[0] as number) + 0xffff) >>> 16) & 0xffff;
}

function bf16Value(bits: number): number {
  word[0] = bits << 16;
  return float[0] as number;
}

const clamp = (q: number, low: number, high: number): number => (q < low ? low : q > high ? high : q);

/**
 * Packs up to 16 rows of f32 weights into one panel (core/layout/matrix.ts says how it lies).
 * @param rows `[count, cols]` row-major; missing rows and columns are packed as zeros.
 * @returns `panelBytes(type, cols)` bytes.
 */
export function packPanel(type: number, rows: Float32Array, count: number, cols: number): Uint8Array {
  const out = new Uint8Array(panelBytes(type, cols));
  if (type === F32) {
    const panel = new Float32Array(out.buffer);
    for (let r = 0; r < count; r++) for (let c = 0; c < cols; c++) panel[c * PANEL_ROWS + r] = rows[r * cols + c] as number;
    return out;
  }
  if (type === BF16) {
    const panel = new Uint16Array(out.buffer);
    for (let r = 0; r < count; r++) for (let c = 0; c < cols; c++) panel[c * PANEL_ROWS + r] = bf16Even(rows[r * cols + c] as number);
    return out;
  }
  const step = type === Q8 ? BLOCK_COLS * Q8_GROUP_BLOCKS : BLOCK_COLS;
  const weights = new Float32Array(step);
  let at = 0;
  for (let c = 0; c < cols; c += step) {
    const width = Math.min(step, Math.ceil((cols - c) / BLOCK_COLS) * BLOCK_COLS);
    for (let r = 0; r < PANEL_ROWS; r++) {
      weights.fill(0);
      if (r < count) weights.set(rows.subarray(r * cols + c, r * cols + Math.min(cols, c + step)));
      if (type === Q8) packQ8(weights.subarray(0, width), out, at, r);
      else packQ4(weights, out, at, r);
    }
    at += type === Q8 ? Q8_HEAD_BYTES + (width / BLOCK_COLS) * Q8_BLOCK_BYTES : Q4_BLOCK_BYTES;
  }
  return out;
}

/** Row r's 16 bits in a list of them at `at`. */
function put16(out: Uint8Array, at: number, r: number, bits: number): void {
  out[at + 2 * r] = bits & 255;
  out[at + 2 * r + 1] = (bits >> 8) & 255;
}

/** Place of a column among the four bytes of its quad: 0, 2, 1, 3 (core/layout/matrix.ts). */
const quadByte = (c: number): number => ((c & 1) << 1) + ((c >> 1) & 1);

/**
 * 8 bits, kept as q + 128: the largest weight of a group is +-127. The scale is rounded up to bf16 first, so rounding it costs nothing.
 * The sum of the q, at most 128 * 127, is kept beside it.
 */
function packQ8(group: Float32Array, out: Uint8Array, at: number, r: number): void {
  let peak = 0;
  for (const w of group) peak = Math.max(peak, Math.abs(w));
  const bits = bf16Away(peak / 127);
  const scale = bf16Value(bits);
  put16(out, at, r, bits);
  const row = at + Q8_HEAD_BYTES + r * 4;
  let sum = 0;
  for (let c = 0; c < group.length; c++) {
    const q = scale === 0 ? 0 : clamp(Math.round((group[c] as number) / scale), -127, 127);
    out[row + (c >> 2) * 64 + quadByte(c)] = q + 128;
    sum += q;
  }
  put16(out, at + SCALE_BYTES, r, sum);
}

/**
 * 4 bits: q in -8..7 with the scale that leaves the least squared error among candidates around "the largest weight is -8";
 * for each candidate the best scale for its q is sum(w q) / sum(q q).
 */
function packQ4(block: Float32Array, out: Uint8Array, at: number, r: number): void {
  const bits = bestQ4Scale(block);
  const scale = bf16Value(bits);
  // High nibbles are multiplied without being shifted down: their scales carry the 1/16 (kernels/simd/matmul_q4.ts).
  const shift = r & 4;
  put16(out, at, r, bf16Nearest(scale / (1 << shift)));
  for (let c = 0; c < BLOCK_COLS; c++) {
    const q = scale === 0 ? 0 : clamp(Math.round((block[c] as number) / scale), -8, 7);
    const byte = at + SCALE_BYTES + (c >> 2) * 32 + (r >> 3) * 16 + (r & 3) * 4 + quadByte(c);
    out[byte] = (out[byte] as number) | ((q + 8) << shift);
  }
}

/** Candidates for the inverse scale: the largest weight becomes -6.4 to -9.6 before rounding and clipping. */
const Q4_STEPS = 17;
const Q4_STEP = 0.2;

function bestQ4Scale(block: Float32Array): number {
  let peak = 0;
  for (let c = 0; c < BLOCK_COLS; c++) if (Math.abs(block[c] as number) > Math.abs(peak)) peak = block[c] as number;
  if (peak === 0) return 0;
  let best = 0;
  let bestGain = -1;
  for (let step = 0; step < Q4_STEPS; step++) {
    const inverse = (-8 + (step - (Q4_STEPS >> 1)) * Q4_STEP) / peak;
    let wq = 0;
    let qq = 0;
    for (let c = 0; c < BLOCK_COLS; c++) {
      const w = block[c] as number;
      const q = clamp(Math.floor(w * inverse + 0.5), -8, 7);
      wq += w * q;
      qq += q * q;
    }
    // With the best scale wq / qq the squared error is sum(w w) - wq^2 / qq.
    const gain = qq === 0 ? -1 : (wq * wq) / qq;
    if (gain > bestGain) {
      bestGain = gain;
      best = wq / qq;
    }
  }
  return bf16Nearest(best);
}
