import { ATTENTION_MLA } from "../../core/layout/kinds";
import { MODEL_ATTENTION, MODEL_KEY_DIM, MODEL_KV_HEADS, MODEL_LAYERS, MODEL_VALUE_DIM } from "../../core/layout/model";
import { SEQ_CAPACITY, SEQ_KEYS, SEQ_VALUES } from "../../core/layout/rows";
import { int, ptr } from "./descriptor";

// Keys and values lie as [layers, key heads, capacity, floats of a head]: a head's rows follow each other, so attention reads in long runs.

/**
 * Keeps the rows base + path[i] (u32, ascending) of every head's cache in every layer as rows base + i. Keys are already rotated to their
 * final positions. Ascending paths never overwrite a row that is still to be read.
 */
export function compact(model: usize, sequence: usize, base: i32, path: usize, count: i32): void {
  const heads = int(model, MODEL_LAYERS) * int(model, MODEL_KV_HEADS);
  const keyBytes = (<usize>int(model, MODEL_KEY_DIM)) << 2;
  const valueBytes = int(model, MODEL_ATTENTION) === ATTENTION_MLA ? <usize>0 : (<usize>int(model, MODEL_VALUE_DIM)) << 2;
  for (let h = 0; h < heads; h++) {
    compactRows(ptr(sequence, SEQ_KEYS), h, int(sequence, SEQ_CAPACITY), keyBytes, base, path, count);
    if (valueBytes) compactRows(ptr(sequence, SEQ_VALUES), h, int(sequence, SEQ_CAPACITY), valueBytes, base, path, count);
  }
}

function compactRows(cache: usize, head: i32, capacity: i32, rowBytes: usize, base: i32, path: usize, count: i32): void {
  const rows = cache + (<usize>head * capacity + base) * rowBytes;
  for (let i = 0; i < count; i++) {
    const from = load<u32>(path + (i << 2));
    if (from !== i) memory.copy(rows + <usize>i * rowBytes, rows + <usize>from * rowBytes, rowBytes);
  }
}
