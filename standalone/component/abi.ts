// The Canonical ABI of the component model, by hand: how strings, lists and results lie in memory
// (https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md).

import { Bytes } from "../bytes";
import { takeFailure } from "../failure";

/** Results that do not fit into one value are left here; valid until the next call. */
export const RESULT = memory.data(88, 8);

const text = new Bytes();

/** Where the host puts strings and lists for us; whoever takes them frees them. */
export function realloc(old: usize, oldSize: usize, _align: usize, size: usize): usize {
  if (old !== 0 && oldSize !== 0) return heap.realloc(old, size);
  return heap.alloc(max<usize>(size, 1));
}

/** Frees a string or a list that the host gave. */
export function drop(at: usize, length: u32): void {
  if (length > 0) heap.free(at);
}

/** A string of the host as one of ours; it is freed. */
export function takeString(at: usize, length: u32): string {
  const result = String.UTF8.decodeUnsafe(at, length);
  drop(at, length);
  return result;
}

/** A list of strings of the host as ours, `most` at most; all of it is freed. */
export function takeStrings(at: usize, count: u32, most: u32): string[] {
  const strings: string[] = [];
  for (let i: u32 = 0; i < count; i++) {
    const entry = at + ((<usize>i) << 3);
    if (i < most) strings.push(takeString(load<u32>(entry), load<u32>(entry, 4)));
    else drop(load<u32>(entry), load<u32>(entry, 4));
  }
  drop(at, count);
  return strings;
}

/** result<_, string>: the pending failure. */
export function failureResult(): usize {
  text.clear();
  text.appendText(takeFailure());
  store<u8>(RESULT, 1);
  store<u32>(RESULT + 4, <u32>text.at);
  store<u32>(RESULT + 8, text.length);
  return RESULT;
}

/** result<own<_>, _>: a handle. */
export function handleResult(handle: u32): usize {
  store<u8>(RESULT, 0);
  store<u32>(RESULT + 4, handle);
  return RESULT;
}

/** result<list<u32>, _>. */
export function listResult(ids: Bytes): usize {
  store<u8>(RESULT, 0);
  store<u32>(RESULT + 4, <u32>ids.at);
  store<u32>(RESULT + 8, ids.ints);
  return RESULT;
}

/** option<string> at `at`, kept in `kept` until the next call; none for null. */
export function putText(at: usize, value: string | null, kept: Bytes): void {
  store<u8>(at, value === null ? 0 : 1);
  if (value === null) return;
  kept.clear();
  kept.appendText(value);
  store<u32>(at + 4, <u32>kept.at);
  store<u32>(at + 8, kept.length);
}

/** option<f64> at `at`: none for NaN. */
export function putOption(at: usize, value: f64): void {
  store<u8>(at, isNaN(value) ? 0 : 1);
  store<f64>(at + 8, value);
}

/** Called when one of AssemblyScript's own checks fails. */
export function abort(_message: string | null, _file: string | null, _row: u32, _column: u32): void {
  unreachable();
}
