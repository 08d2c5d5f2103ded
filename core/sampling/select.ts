/**
 * The k-th largest of `count` values (1 <= k <= count), in O(count log k): a heap of the k largest seen, smallest on top.
 * @param heap scratch space for k values
 */
export function kthLargest(values: Float64Array, count: i32, k: i32, heap: Float64Array): f64 {
  for (let i = 0; i < k; i++) heap[i] = values[i]!;
  for (let i = (k >> 1) - 1; i >= 0; i--) sinkSmallest(heap, i, k);
  for (let i = k; i < count; i++) {
    if (values[i]! > heap[0]!) {
      heap[0] = values[i]!;
      sinkSmallest(heap, 0, k);
    }
  }
  return heap[0]!;
}

function sinkSmallest(heap: Float64Array, from: i32, size: i32): void {
  const value = heap[from]!;
  let at = from;
  for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
    if (child + 1 < size && heap[child + 1]! < heap[child]!) child++;
    if (heap[child]! >= value) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = value;
}

/**
 * The nucleus: of ids ordered by score (largest first, smaller id first on ties) the shortest start whose weights reach
 * `target`. Only as many ids are sorted out of the heap as it has.
 * @param ids the candidates; reordered
 * @param count how many of them there are, at least 1
 * @returns the id that the nucleus ends with
 */
export function nucleusEnd(scores: Float64Array, weights: Float64Array, ids: Int32Array, count: i32, target: f64): i32 {
  for (let i = (count >> 1) - 1; i >= 0; i--) sinkBest(scores, ids, i, count);
  let sum: f64 = 0;
  let last = ids[0]!;
  for (let size = count; size > 0;) {
    last = ids[0]!;
    sum += weights[last]!;
    if (sum >= target) break;
    ids[0] = ids[--size]!;
    sinkBest(scores, ids, 0, size);
  }
  return last;
}

/** Does id a come before id b? */
function before(scores: Float64Array, a: i32, b: i32): bool {
  return scores[a]! > scores[b]! || (scores[a]! === scores[b]! && a < b);
}

function sinkBest(scores: Float64Array, ids: Int32Array, from: i32, size: i32): void {
  if (from >= size) return;
  const id = ids[from]!;
  let at = from;
  for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
    if (child + 1 < size && before(scores, ids[child + 1]!, ids[child]!)) child++;
    if (!before(scores, ids[child]!, id)) break;
    ids[at] = ids[child]!;
    at = child;
  }
  ids[at] = id;
}
