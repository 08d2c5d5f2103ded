import { HEADS_TOGETHER, LOGITS_ALL, LOGITS_LAST, LOGITS_NONE, SCRATCH_ACTIVE, SCRATCH_LOGITS, SCRATCH_MASKS, SCRATCH_POSITIONS, SCRATCH_TOKENS, SEQ_BYTES, SEQ_CAPACITY, SEQ_KEYS, SEQ_SCORES, SEQ_VALUES } from "../../assembly/layout";
import { argmax } from "../../assembly/kernels";
import { compact } from "../../assembly/model/cache";
import { forward } from "../../assembly/model/job";
import { fail, failed } from "../failure";
import { release, reserve } from "../memory";
import { LoadedModel } from "./instance";
import { alignUp } from "./panel";

/** One stream of tokens over a model, with its own KV cache: [descriptor | scores | keys | values], as src/engine/cache.ts has it. */
export class Sequence {
  length: i32 = 0;
  private address: usize = 0;
  private bytes: u64 = 0;
  /** Where the last chunk began in the cache, and its rows. */
  private start: i32 = 0;
  private rows: i32 = 0;

  constructor(private model: LoadedModel) {}

  /** Reserves the cache of `capacity` tokens. */
  open(capacity: i32): void {
    const config = this.model.config;
    const keyFloats = config.mla ? config.kvRank + config.ropeDim : config.kvHeads * config.headDim;
    const valueFloats = config.mla ? 0 : keyFloats;
    const scores = alignUp(SEQ_BYTES, 64);
    const keys = alignUp(scores + <u64>HEADS_TOGETHER * capacity * 4, 64);
    const values = alignUp(keys + <u64>config.layers * capacity * keyFloats * 4, 64);
    this.bytes = values + <u64>config.layers * capacity * valueFloats * 4;
    this.address = reserve(this.bytes, `a context of ${capacity} tokens`);
    if (failed()) return;
    store<u32>(this.address + SEQ_KEYS, <u32>(this.address + <usize>keys));
    store<u32>(this.address + SEQ_VALUES, <u32>(this.address + <usize>values));
    store<u32>(this.address + SEQ_CAPACITY, capacity);
    store<u32>(this.address + SEQ_SCORES, <u32>(this.address + <usize>scores));
  }

  free(): void {
    release(this.address, this.bytes);
    this.address = 0;
  }

  /** Places for the ids of the next chunk, which `forward` reads. */
  get tokens(): usize {
    return this.model.scratchAt(SCRATCH_TOKENS);
  }

  /** Runs the n tokens at `tokens` as a chain; logits of the last one if asked. */
  forward(n: i32, logits: bool): void {
    const positions = this.model.scratchAt(SCRATCH_POSITIONS);
    const masks = this.model.scratchAt(SCRATCH_MASKS);
    for (let i = 0; i < n; i++) {
      store<i32>(positions + (i << 2), this.length + i);
      store<u64>(masks + (i << 3), i === 63 ? u64.MAX_VALUE : (<u64>2 << <u64>i) - 1);
    }
    this.run(n, logits ? LOGITS_LAST : LOGITS_NONE);
  }

  /** Runs the n tokens at `tokens` as a tree whose node i has parent parents[i] < i; logits of all. */
  forwardTree(parents: StaticArray<i32>, n: i32): void {
    const positions = this.model.scratchAt(SCRATCH_POSITIONS);
    const masks = this.model.scratchAt(SCRATCH_MASKS);
    for (let i = 0; i < n; i++) {
      const parent = parents[i];
      store<i32>(positions + (i << 2), i === 0 ? this.length : load<i32>(positions + (parent << 2)) + 1);
      store<u64>(masks + (i << 3), (<u64>1 << <u64>i) | (i === 0 ? 0 : load<u64>(masks + (parent << 3))));
    }
    this.run(n, LOGITS_ALL);
  }

  /** Keeps, of the last chunk, only the rows at `path` (u32, ascending). */
  keep(path: usize, count: i32): void {
    compact(this.model.at.descriptor, this.address, this.start, path, count);
    this.length = this.start + count;
  }

  /** Logits f32 [vocab] of the i-th row that has them. */
  logits(i: i32): usize {
    return this.model.scratchAt(SCRATCH_LOGITS) + (<usize>i * this.model.scratch.logitsStride << 2);
  }

  /** Index of the largest logit of that row, the smallest on ties. */
  argmax(i: i32): i32 {
    const id = argmax(this.logits(i), this.model.config.vocabSize);
    if (id < 0) fail("the model computed NaN logits: its weights are damaged or overflow", "logits");
    return id;
  }

  /** u32 [words]: experts that a row of the last chunk activated in a layer. */
  active(layer: i32, row: i32): usize {
    return this.model.scratchAt(SCRATCH_ACTIVE) + (<usize>(layer * this.rows + row) * this.model.scratch.activeWords << 2);
  }

  private run(n: i32, logits: i32): void {
    forward(this.model.at.descriptor, this.address, n, this.length, logits);
    this.start = this.length;
    this.rows = n;
    this.length += n;
  }
}
