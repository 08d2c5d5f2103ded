import { CachePlan, writeCache } from "../../core/cache";
import { ROW_BYTES, ROW_MASK, ROW_PLACE, ROW_POSITION, ROW_SEQUENCE, ROW_TOKEN, ROW_TREE } from "../../core/layout/rows";
import { SCRATCH_ACTIVE, SCRATCH_LOGIT_ROWS, SCRATCH_ROWS } from "../../core/layout/scratch";
import { argmax } from "../../assembly/kernels";
import { compact } from "../../assembly/model/cache";
import { forward } from "../../assembly/model/job";
import { fail, failed } from "../failure";
import { release, reserve } from "../memory";
import { LoadedModel } from "./instance";
import { MemoryWriter } from "./memory-writer";

/** One stream of tokens over a model, with its own KV cache: [descriptor | scores | keys | values]. */
export class Sequence {
  length: i32 = 0;
  private address: usize = 0;
  private plan: CachePlan | null = null;
  /** Where the last chunk began in the cache, and its rows. */
  private start: i32 = 0;
  private rows: i32 = 0;

  constructor(private model: LoadedModel) {}

  /** Reserves the cache of `capacity` tokens. */
  open(capacity: i32): void {
    const plan = new CachePlan(this.model.config, capacity, 1);
    const at = reserve(<u64>plan.bytes, `a context of ${capacity} tokens`);
    if (failed()) return;
    writeCache(new MemoryWriter(), at, plan);
    this.address = at;
    this.plan = plan;
  }

  free(): void {
    const plan = this.plan;
    if (plan !== null) release(this.address, <u64>plan.bytes);
    this.address = 0;
    this.plan = null;
  }

  get isOpen(): bool {
    return this.plan !== null;
  }

  /** Makes room for `capacity` tokens, of `most` that there may be. Fails, and changes nothing, without memory for both caches at once. */
  grow(capacity: i32, most: i32): void {
    const from = this.plan!;
    if (capacity <= from.capacity) return;
    const old = this.address;
    // Half as much again, so that a conversation is not copied with every turn.
    this.open(min(most, max(capacity, from.capacity + (from.capacity >> 1))));
    if (failed()) return;
    const plan = this.plan!;
    const config = this.model.config;
    const row = <f64>(config.keyDim * 4);
    const held = <usize>(<f64>this.length * row);
    for (let head = 0; head < config.layers * config.cacheHeads; head++) {
      const source = <f64>head * <f64>from.capacity * row;
      const target = <f64>head * <f64>plan.capacity * row;
      memory.copy(this.address + <usize>(plan.keys + target), old + <usize>(from.keys + source), held);
      if (config.valueWidth > 0) memory.copy(this.address + <usize>(plan.values + target), old + <usize>(from.values + source), held);
    }
    release(old, <u64>from.bytes);
  }

  /** Forgets all but the first `length` tokens. */
  truncate(length: i32): void {
    this.length = length;
  }

  /** Runs n tokens (u32) as a chain; logits of the last one if asked. */
  forward(tokens: usize, n: i32, logits: bool): void {
    for (let i = 0; i < n; i++) {
      const place = this.length + i;
      this.writeRow(i, load<i32>(tokens + ((<usize>i) << 2)), place, place, 1);
    }
    this.run(n, logits ? n - 1 : n);
  }

  /** Runs n tokens (u32) as a tree whose node i has parent parents[i] < i; logits of all. */
  forwardTree(tokens: usize, parents: StaticArray<i32>, n: i32): void {
    for (let i = 0; i < n; i++) {
      const above = i === 0 ? <usize>0 : this.rowAt(parents[i]);
      const position = i === 0 ? this.length : load<i32>(above + ROW_POSITION) + 1;
      const mask = ((<u64>1) << (<u64>i)) | (i === 0 ? 0 : load<u64>(above + ROW_MASK));
      this.writeRow(i, load<i32>(tokens + ((<usize>i) << 2)), position, this.length, mask);
    }
    this.run(n, 0);
  }

  /** Keeps, of the last chunk, only the rows at `path` (u32, ascending). */
  keep(path: usize, count: i32): void {
    compact(<usize>this.model.at.descriptor, this.address, this.start, path, count);
    this.length = this.start + count;
  }

  /** Logits f32 [vocab] of the i-th row that has them. */
  logits(i: i32): usize {
    return this.model.logits.at(i);
  }

  /** Index of the largest logit of that row, the smallest on ties. */
  argmax(i: i32): i32 {
    const id = argmax(this.logits(i), this.model.config.vocabSize);
    if (id < 0) fail("the model computed NaN logits: its weights are damaged or overflow", "logits");
    return id;
  }

  /** u32 [words]: experts that a row of the last chunk activated in a layer. */
  active(layer: i32, row: i32): usize {
    return this.model.scratchAt(SCRATCH_ACTIVE) + ((<usize>(layer * this.rows + row) * this.model.scratch.activeWords) << 2);
  }

  private rowAt(i: i32): usize {
    return this.model.scratchAt(SCRATCH_ROWS) + <usize>i * ROW_BYTES;
  }

  /** Row i of the next call (core/layout/rows.ts), which goes to the place behind what is held. */
  private writeRow(i: i32, token: i32, position: i32, tree: i32, mask: u64): void {
    const row = this.rowAt(i);
    store<i32>(row + ROW_TOKEN, token);
    store<u32>(row + ROW_SEQUENCE, <u32>this.address);
    store<i32>(row + ROW_POSITION, position);
    store<i32>(row + ROW_PLACE, this.length + i);
    store<i32>(row + ROW_TREE, tree);
    store<u64>(row + ROW_MASK, mask);
  }

  /** Runs the n rows that were written; logits from row `first` on. */
  private run(n: i32, first: i32): void {
    const logits = this.model.logits.reserve(n - first);
    if (failed()) return;
    const list = this.model.scratchAt(SCRATCH_LOGIT_ROWS);
    for (let i = first; i < n; i++) store<i32>(list + ((<usize>(i - first)) << 2), i);
    forward(<usize>this.model.at.descriptor, n, n - first, logits);
    this.start = this.length;
    this.rows = n;
    this.length += n;
  }
}
