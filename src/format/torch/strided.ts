/** True when elements [0, count) of such a view lie one after another: the strides of axes longer than 1 are row-major. */
export function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && strides[d] !== expected) return false;
    expected *= shape[d]!;
  }
  return true;
}

/** A range of storage indices. */
export interface Span {
  readonly first: number;
  /** Last index, included. */
  readonly last: number;
}

/**
 * Storage indices (relative to the view's offset) that cover elements [start, start + count) of a view, in row-major order.
 * Strides are not negative; count > 0 and the shape has no zero.
 */
export function coveringSpan(shape: readonly number[], strides: readonly number[], start: number, count: number): Span {
  let inner = 1;
  let innerLast = 0;
  for (let d = 1; d < shape.length; d++) {
    inner *= shape[d]!;
    innerLast += (shape[d]! - 1) * strides[d]!;
  }
  const stride = strides[0] ?? 0;
  return { first: Math.floor(start / inner) * stride, last: Math.floor((start + count - 1) / inner) * stride + innerLast };
}

/**
 * Copies elements [start, start + out.length) of a view, row-major, out of its stored elements.
 * @param stored elements from storage index `first` (relative to the view's offset) on
 */
export function gatherStrided<T extends Uint16Array | Uint32Array>(
  stored: T,
  first: number,
  shape: readonly number[],
  strides: readonly number[],
  start: number,
  out: T,
): void {
  const rank = shape.length;
  const at = new Array<number>(rank).fill(0);
  let index = -first;
  for (let d = rank - 1, rest = start; d >= 0; d--) {
    at[d] = rest % shape[d]!;
    rest = Math.floor(rest / shape[d]!);
    index += at[d]! * strides[d]!;
  }
  for (let n = 0; n < out.length; n++) {
    out[n] = stored[index]!;
    // Count up like an odometer.
    for (let d = rank - 1; d >= 0; d--) {
      index += strides[d]!;
      if (++at[d]! < shape[d]!) break;
      index -= shape[d]! * strides[d]!;
      at[d] = 0;
    }
  }
}
