/**
 * The k largest of `count` values at `x`, descending, equal values by ascending index: writes min(k, count) indices (i32) and
 * values (f32) and returns how many. A NaN among the first k stays and orders like nothing; later ones are passed over.
 * A binary heap of k keeps the worst kept entry at its root, so most values cost one comparison.
 */
export function topK(x: usize, count: i32, k: i32, indices: usize, values: usize): i32 {
  k = min(k, count);
  if (k <= 0) return 0;
  fillHeap(x, k, indices, values);
  for (let i = k; i < count; i++) offer(x, i, k, indices, values);
  return sortHeap(k, indices, values);
}

/** Makes a heap of the first k values. */
export function fillHeap(x: usize, k: i32, indices: usize, values: usize): void {
  for (let i = 0; i < k; i++) {
    put(indices, values, i, i, load<f32>(x + ((<usize>i) << 2)));
    siftUp(indices, values, i);
  }
}

/** Puts value i in the place of the worst of k, if it is better. Offered in ascending order, so an equal one never is. */
// @ts-ignore: decorator
@inline
export function offer(x: usize, i: i32, k: i32, indices: usize, values: usize): void {
  const v = load<f32>(x + ((<usize>i) << 2));
  if (!(v > load<f32>(values))) return;
  put(indices, values, 0, i, v);
  siftDown(indices, values, k);
}

/** Turns a heap of k into a list, best first; returns k. */
export function sortHeap(k: i32, indices: usize, values: usize): i32 {
  for (let end = k - 1; end > 0; end--) {
    swap(indices, values, 0, end);
    siftDown(indices, values, end);
  }
  return k;
}

// @ts-ignore: decorator
@inline
function better(v: f32, i: i32, w: f32, j: i32): bool {
  return v > w || (v === w && i < j);
}

// @ts-ignore: decorator
@inline
function put(indices: usize, values: usize, at: i32, i: i32, v: f32): void {
  store<i32>(indices + (at << 2), i);
  store<f32>(values + (at << 2), v);
}

function swap(indices: usize, values: usize, a: i32, b: i32): void {
  const i = load<i32>(indices + (a << 2));
  const v = load<f32>(values + (a << 2));
  put(indices, values, a, load<i32>(indices + (b << 2)), load<f32>(values + (b << 2)));
  put(indices, values, b, i, v);
}

/** Is entry a worse than entry b? The root is the worst. */
function worse(indices: usize, values: usize, a: i32, b: i32): bool {
  return better(load<f32>(values + (b << 2)), load<i32>(indices + (b << 2)), load<f32>(values + (a << 2)), load<i32>(indices + (a << 2)));
}

function siftUp(indices: usize, values: usize, at: i32): void {
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!worse(indices, values, at, parent)) return;
    swap(indices, values, at, parent);
    at = parent;
  }
}

function siftDown(indices: usize, values: usize, size: i32): void {
  let at = 0;
  while (true) {
    let child = 2 * at + 1;
    if (child >= size) return;
    if (child + 1 < size && worse(indices, values, child + 1, child)) child++;
    if (!worse(indices, values, child, at)) return;
    swap(indices, values, at, child);
    at = child;
  }
}
