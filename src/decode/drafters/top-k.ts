/**
 * Indices of the k largest values, largest first; equal values by ascending index (as topk.cuh orders them).
 * O(n) compares plus O(k) moves for each value that enters. Values must not be NaN; all come back when there are fewer than k.
 */
export function topK(values: ArrayLike<number>, k: number): Uint32Array {
  const size = Math.min(k, values.length);
  const best = new Uint32Array(size);
  let count = 0;
  for (let i = 0; i < values.length && size > 0; i++) {
    const value = values[i]!;
    if (count === size) {
      if (!(value > values[best[size - 1]!]!)) continue;
    } else {
      count++;
    }
    let at = count - 1;
    for (; at > 0 && value > values[best[at - 1]!]!; at--) best[at] = best[at - 1]!;
    best[at] = i;
  }
  return best;
}
