// Mirrors src/decode/sampling/select.ts.

/** The k-th largest of `count` values (1 <= k <= count); `heap` is scratch space for k values. */
export function kthLargest(values: StaticArray<f64>, count: i32, k: i32, heap: StaticArray<f64>): f64 {
  for (let i = 0; i < k; i++) heap[i] = values[i];
  for (let i = (k >> 1) - 1; i >= 0; i--) sinkSmallest(heap, i, k);
  for (let i = k; i < count; i++) {
    if (values[i] > heap[0]) {
      heap[0] = values[i];
      sinkSmallest(heap, 0, k);
    }
  }
  return heap[0];
}

function sinkSmallest(heap: StaticArray<f64>, from: i32, size: i32): void {
  const value = heap[from];
  let at = from;
  for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
    if (child + 1 < size && heap[child + 1] < heap[child]) child++;
    if (heap[child] >= value) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = value;
}

/** The id that the nucleus ends with: of `count` ids by score, the shortest start whose weights reach `target`. Reorders `ids`. */
export function nucleusEnd(scores: StaticArray<f64>, weights: StaticArray<f64>, ids: StaticArray<i32>, count: i32, target: f64): i32 {
  for (let i = (count >> 1) - 1; i >= 0; i--) sinkBest(scores, ids, i, count);
  let sum: f64 = 0;
  let last = ids[0];
  for (let size = count; size > 0; ) {
    last = ids[0];
    sum += weights[last];
    if (sum >= target) break;
    ids[0] = ids[--size];
    sinkBest(scores, ids, 0, size);
  }
  return last;
}

function before(scores: StaticArray<f64>, a: i32, b: i32): bool {
  return scores[a] > scores[b] || (scores[a] === scores[b] && a < b);
}

function sinkBest(scores: StaticArray<f64>, ids: StaticArray<i32>, from: i32, size: i32): void {
  if (from >= size) return;
  const id = ids[from];
  let at = from;
  for (let child = 2 * at + 1; child < size; child = 2 * at + 1) {
    if (child + 1 < size && before(scores, ids[child + 1], ids[child])) child++;
    if (!before(scores, ids[child], id)) break;
    ids[at] = ids[child];
    at = child;
  }
  ids[at] = id;
}
