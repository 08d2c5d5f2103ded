import { FormatError } from "../errors.ts";
import { allocate } from "./bytes.ts";
import type { BlockType, DType } from "./tensors.ts";

/** Element types that can be read as float32. Bytes are little-endian, as on every machine that runs WebAssembly. */
export type FloatDType = "F32" | "F16" | "BF16";

export function isFloatDType(dtype: DType | BlockType): dtype is FloatDType {
  return dtype === "F32" || dtype === "F16" || dtype === "BF16";
}

/**
 * Checks the arguments of `TensorSource.readF32` before anything is allocated.
 * @throws FormatError for a type that is not a float or a range that is not inside `elements`.
 */
export function checkFloatRange(
  dtype: DType,
  elements: number,
  start: number,
  count: number,
  file: string,
  field: string,
): asserts dtype is FloatDType {
  if (!isFloatDType(dtype)) throw new FormatError(`${dtype} cannot be read as weights; F32, F16 and BF16 can`, { file, field });
  if (!(Number.isSafeInteger(start) && start >= 0 && Number.isSafeInteger(count) && count >= 0 && count <= elements - start)) {
    throw new FormatError(`elements ${start} to ${start + count} are outside its ${elements}`, { file, field });
  }
}

/** IEEE 754 binary16 bits to binary32 bits: exact, subnormals, infinities and NaN payloads included. */
export function f16ToF32Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const magnitude = half & 0x7fff;
  if (magnitude >= 0x7c00) return sign | 0x7f800000 | ((magnitude & 0x3ff) << 13);
  // Normal: shift the fraction up and move the exponent bias from 15 to 127.
  if (magnitude >= 0x0400) return sign | ((magnitude << 13) + (112 << 23));
  if (magnitude === 0) return sign;
  // Subnormal m * 2^-24: move the leading one to bit 10, where it becomes implicit.
  const shift = Math.clz32(magnitude) - 21;
  return sign | ((113 - shift) << 23) | (((magnitude << shift) & 0x3ff) << 13);
}

// Both may widen in place: `halves` is then the upper half of the bytes of `out`. Element i is written to bytes [4i, 4i + 4)
// after byte 2n + 2i was read, and 4i + 4 <= 2n + 2i + 2 for i < n, so no half is overwritten before it is read.

/** Widens binary16 to the bits of binary32. */
export function widenF16(halves: Uint16Array, out: Uint32Array): void {
  for (let i = 0; i < halves.length; i++) out[i] = f16ToF32Bits(halves[i]!);
}

/** Widens bfloat16 (the upper 16 bits of binary32) to the bits of binary32. */
export function widenBf16(halves: Uint16Array, out: Uint32Array): void {
  for (let i = 0; i < halves.length; i++) out[i] = halves[i]! << 16;
}

/**
 * `count` floats from a reader of their stored bytes. `fill` gets exactly `count` elements' worth of bytes to fill, a part
 * of the result's own buffer: one read, one buffer, for every type.
 * @throws LimitError when the buffer cannot be had.
 */
export async function readFloats(
  dtype: FloatDType,
  count: number,
  file: string,
  fill: (target: Uint8Array) => Promise<void>,
): Promise<Float32Array> {
  const buffer = allocate(count * 4, file);
  if (count === 0) return new Float32Array(buffer);
  if (dtype === "F32") {
    await fill(new Uint8Array(buffer));
    return new Float32Array(buffer);
  }
  await fill(new Uint8Array(buffer, count * 2));
  widenUpperHalf(dtype, buffer, count);
  return new Float32Array(buffer);
}

/** Little-endian bytes of any alignment to floats; `bytes.length` must be whole elements. */
export function floatsFromBytes(dtype: FloatDType, bytes: Uint8Array): Float32Array {
  const count = bytes.length / (dtype === "F32" ? 4 : 2);
  const buffer = new ArrayBuffer(count * 4);
  new Uint8Array(buffer, dtype === "F32" ? 0 : count * 2).set(bytes);
  if (dtype !== "F32") widenUpperHalf(dtype, buffer, count);
  return new Float32Array(buffer);
}

function widenUpperHalf(dtype: "F16" | "BF16", buffer: ArrayBuffer, count: number): void {
  const halves = new Uint16Array(buffer, count * 2, count);
  (dtype === "F16" ? widenF16 : widenBf16)(halves, new Uint32Array(buffer));
}
