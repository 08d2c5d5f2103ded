/**
 * The k largest of `count` values, descending, equal values by ascending index: indices (i32) and values (f32).
 * A binary heap of k keeps the worst kept entry at its root, so most values cost one comparison.
 */
export function topK(x: usize, count: i32, k: i32, indices: usize, values: usize): i32 {
  k = min(k, count);
  if (k <= 0) return 0;
  let size = 0;
  for (let i = 0; i < count; i++) {
    const v = load<f32>(x + (i << 2));
    if (size < k) {
      put(indices, values, size, i, v);
      siftUp(indices, values, size++);
    } else if (better(v, i, load<f32>(values), load<i32>(indices))) {
      put(indices, values, 0, i, v);
      siftDown(indices, values, size);
    }
  }
  for (let end = size - 1; end > 0; end--) {
    swap(indices, values, 0, end);
    siftDown(indices, values, end);
  }
  return size;
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
