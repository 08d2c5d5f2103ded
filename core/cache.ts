import { Architecture } from "./architecture.ts";
import { WordWriter } from "./descriptor.ts";
import * as L from "./layout/rows.ts";
import { alignUp } from "./numbers.ts";

/** Keys and values of one sequence, in one block: [descriptor | scores | keys | values]. Offsets from its start, in bytes. */
export class CachePlan {
  readonly scores: f64;
  readonly keys: f64;
  readonly values: f64;
  readonly bytes: f64;

  /** @param capacity tokens that it holds */
  constructor(
    a: Architecture,
    readonly capacity: i32,
    threads: i32,
  ) {
    const rows = (a.layers as f64) * capacity;
    this.scores = alignUp(L.SEQ_BYTES, 64);
    this.keys = alignUp(this.scores + (threads as f64) * L.HEADS_TOGETHER * capacity * 4, 64);
    this.values = alignUp(this.keys + rows * a.keyWidth * 4, 64);
    this.bytes = this.values + rows * a.valueWidth * 4;
  }
}

/** Writes the sequence descriptor at the start of the block. */
export function writeCache(out: WordWriter, at: f64, plan: CachePlan): void {
  out.u32(at + L.SEQ_KEYS, at + plan.keys);
  out.u32(at + L.SEQ_VALUES, at + plan.values);
  out.u32(at + L.SEQ_CAPACITY, plan.capacity);
  out.u32(at + L.SEQ_SCORES, at + plan.scores);
}
