import type { DType } from "./tensors.ts";

/** Bytes of one element. */
export const DTYPE_BYTES: Readonly<Record<DType, number>> = {
  F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1,
};

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

/** Size in bytes of a dense tensor; undefined when it is not a safe integer. */
export function tensorBytes(dtype: DType, shape: readonly number[]): number | undefined {
  const count = elementCount(shape);
  const bytes = count === undefined ? undefined : count * DTYPE_BYTES[dtype];
  return bytes !== undefined && Number.isSafeInteger(bytes) ? bytes : undefined;
}
