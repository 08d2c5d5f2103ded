import { BLOCKS } from "../dtypes.ts";
import { f16ToF32Bits, floatsFromBytes } from "../floats.ts";
import type { BlockType } from "../tensors.ts";
import { isBlockType } from "../dtypes.ts";
import type { GgufType } from "./types.ts";

// Blocks to f32, every step rounded to f32, as gguf-py's quants.py rounds them: bit for bit the same. The layouts are those of
// ggml-common.h: d and m are halves (scale and minimum, or the scales of scales and minimums), qs the low bits, qh the high ones.

const { fround } = Math;

/** Writes the elements of one block, which begins at byte `at`, from element `to` on. */
type Block = (bytes: Uint8Array, at: number, out: Float32Array, to: number) => void;

const READERS: Readonly<Record<BlockType, Block>> = {
  Q4_0: (b, at, out, to) => low32(b, at + 2, out, to, half(b, at), -8),
  Q4_1: (b, at, out, to) => low32(b, at + 4, out, to, half(b, at), 0, undefined, half(b, at + 2)),
  Q5_0: (b, at, out, to) => low32(b, at + 6, out, to, half(b, at), -16, u32(b, at + 2)),
  Q5_1: (b, at, out, to) => low32(b, at + 8, out, to, half(b, at), 0, u32(b, at + 4), half(b, at + 2)),
  Q8_0: (b, at, out, to) => {
    const d = half(b, at);
    for (let i = 0; i < 32; i++) out[to + i] = ((b[at + 2 + i]! << 24) >> 24) * d;
  },
  Q4_K: (b, at, out, to) => superBlock(b, at, out, to, at + 16, undefined),
  Q5_K: (b, at, out, to) => superBlock(b, at, out, to, at + 48, at + 16),
  Q6_K: sixBits,
};

/** Elements of whole blocks as f32. @param bytes whole blocks, or whole floats */
export function dequantize(type: GgufType, bytes: Uint8Array): Float32Array {
  if (!isBlockType(type)) return floatsFromBytes(type, bytes);
  const { elements, bytes: size } = BLOCKS[type];
  const count = bytes.length / size;
  const out = new Float32Array(count * elements);
  const read = READERS[type];
  for (let i = 0; i < count; i++) read(bytes, i * size, out, i * elements);
  return out;
}

/** 32 elements of 4 bits, element i below element i + 16, each with a fifth bit of `high` if that is there: (q + shift) d + m. */
function low32(b: Uint8Array, at: number, out: Float32Array, to: number, d: number, shift: number, high = 0, m?: number): void {
  for (let i = 0; i < 32; i++) {
    const low = i < 16 ? b[at + i]! & 15 : b[at + i - 16]! >> 4;
    const product = fround(d * (low + (((high >>> i) & 1) << 4) + shift));
    out[to + i] = m === undefined ? product : product + m;
  }
}

/** Q4_K, Q5_K: eight runs of 32 elements, with scales and minimums of 6 bits each, in 12 bytes. */
function superBlock(b: Uint8Array, at: number, out: Float32Array, to: number, low: number, high: number | undefined): void {
  const [d, dmin] = [half(b, at), half(b, at + 2)];
  const scales = at + 4;
  for (let run = 0; run < 8; run++) {
    const last = run & 3;
    const [s, m, both] = [b[scales + last]!, b[scales + 4 + last]!, b[scales + 8 + last]!];
    const scale = fround(d * (run < 4 ? s & 63 : (both & 15) | ((s >> 6) << 4)));
    const least = fround(dmin * (run < 4 ? m & 63 : (both >> 4) | ((m >> 6) << 4)));
    const from = low + (run >> 1) * 32;
    for (let i = 0; i < 32; i++) {
      const nibble = (run & 1) === 0 ? b[from + i]! & 15 : b[from + i]! >> 4;
      const q = high === undefined ? nibble : nibble | (((b[high + i]! >> run) & 1) << 4);
      out[to + run * 32 + i] = fround(scale * q) - least;
    }
  }
}

/** Q6_K: low four bits in 128 bytes, high two in 64, sixteen 8-bit scales for 16 elements each, and their scale. */
function sixBits(b: Uint8Array, at: number, out: Float32Array, to: number): void {
  const d = half(b, at + 208);
  for (let i = 0; i < 256; i++) {
    const [part, run, j] = [i >> 7, (i >> 5) & 3, i & 31];
    const low = b[at + part * 64 + (run & 1) * 32 + j]!;
    const high = (b[at + 128 + part * 32 + j]! >> (2 * run)) & 3;
    const q = ((run < 2 ? low & 15 : low >> 4) | (high << 4)) - 32;
    const scale = fround(d * ((b[at + 192 + (i >> 4)]! << 24) >> 24));
    out[to + i] = scale * q;
  }
}

const BITS = new Uint32Array(1);
const FLOAT = new Float32Array(BITS.buffer);

function half(b: Uint8Array, at: number): number {
  BITS[0] = f16ToF32Bits(b[at]! | (b[at + 1]! << 8));
  return FLOAT[0]!;
}

function u32(b: Uint8Array, at: number): number {
  return (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)) >>> 0;
}
