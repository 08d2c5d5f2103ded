import { fail } from "./failure";

// Blocks of whole pages, beside the allocator of the language: weights, caches and file contents may be larger than its limit of
// 1 GiB, and it copes with pages that others took (it only uses those that it grew itself).

/** Freed spans, ascending: first page, number of pages, first page, ... */
const free = new Array<u32>();

// @ts-ignore: decorator
@inline
function pagesOf(bytes: u64): u64 {
  return (max<u64>(bytes, 1) + 0xffff) >> 16;
}

/** Takes `bytes`, aligned to a page and not cleared. Fails, with 0, when memory cannot grow so far. */
export function reserve(bytes: u64, what: string): usize {
  const pages = pagesOf(bytes);
  for (let i = 0; i < free.length; i += 2) {
    if (<u64>free[i + 1] < pages) continue;
    const at = (<usize>free[i]) << 16;
    if (<u64>free[i + 1] === pages) free.splice(i, 2);
    else {
      free[i] += <u32>pages;
      free[i + 1] -= <u32>pages;
    }
    return at;
  }
  const before = pages < 65536 ? memory.grow(<i32>pages) : -1;
  if (before < 0) {
    fail(
      `needs ${bytes} bytes of memory, which the runtime does not give (wasm32 has 4 GiB in all): use a smaller model or a shorter context`,
      what,
    );
    return 0;
  }
  return (<usize>before) << 16;
}

/** Gives a block back; `bytes` as it was asked for. */
export function release(at: usize, bytes: u64): void {
  if (at === 0) return;
  const first = <u32>(at >> 16);
  const pages = <u32>pagesOf(bytes);
  let i = 0;
  while (i < free.length && free[i] < first) i += 2;
  free.push(0);
  free.push(0);
  for (let j = free.length - 1; j >= i + 2; j--) free[j] = free[j - 2];
  free[i] = first;
  free[i + 1] = pages;
  merge(i);
  if (i > 0) merge(i - 2);
}

function merge(i: i32): void {
  if (i + 2 >= free.length || free[i] + free[i + 1] !== free[i + 2]) return;
  free[i + 1] += free[i + 3];
  free.splice(i + 2, 2);
}
