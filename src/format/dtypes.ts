import type { BlockType, DType } from "./tensors.ts";

/** Bytes of one element; the smallest types are packed, so that one takes less than a byte. */
export const DTYPE_BYTES: Readonly<Record<DType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
  C64: 8,
  F8_E5M2: 1,
  F8_E4M3: 1,
  F8_E8M0: 1,
  F8_E4M3FNUZ: 1,
  F8_E5M2FNUZ: 1,
  F6_E2M3: 0.75,
  F6_E3M2: 0.75,
  F4: 0.5,
};

/** Elements of a block, and bytes: ggml-common.h (block_q4_0 and so on). */
export const BLOCKS: Readonly<Record<BlockType, { readonly elements: number; readonly bytes: number }>> = {
  Q4_0: { elements: 32, bytes: 18 },
  Q4_1: { elements: 32, bytes: 20 },
  Q5_0: { elements: 32, bytes: 22 },
  Q5_1: { elements: 32, bytes: 24 },
  Q8_0: { elements: 32, bytes: 34 },
  Q4_K: { elements: 256, bytes: 144 },
  Q5_K: { elements: 256, bytes: 176 },
  Q6_K: { elements: 256, bytes: 210 },
};

export function isBlockType(text: string): text is BlockType {
  return Object.hasOwn(BLOCKS, text);
}

/** Bytes of an element, on the average of a block. */
export function elementBytes(dtype: DType | BlockType): number {
  return isBlockType(dtype) ? BLOCKS[dtype].bytes / BLOCKS[dtype].elements : DTYPE_BYTES[dtype];
}

/** Most dimensions a tensor may have. */
export const MAX_RANK = 8;

export function isDType(text: string): text is DType {
  return Object.hasOwn(DTYPE_BYTES, text);
}

/** Number of elements of a shape of non-negative integers; undefined when it is not a safe integer. */
export function elementCount(shape: readonly number[]): number | undefined {
  let count = 1;
  for (const size of shape) {
    count *= size;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

/** Size in bytes of a dense tensor; undefined when it is not a safe integer, or no whole number of bytes. */
export function tensorBytes(dtype: DType, shape: readonly number[]): number | undefined {
  const count = elementCount(shape);
  const bytes = count === undefined ? undefined : count * DTYPE_BYTES[dtype];
  return bytes !== undefined && Number.isSafeInteger(bytes) ? bytes : undefined;
}
