import { LimitError, UsageError } from "../../src/errors.ts";
import type { ForwardOptions, ForwardResult, Sequence, SequenceOptions } from "../../src/engine/types.ts";
import { expertIsActive, FakeModel, hash } from "./fake-model.ts";

/** The fake model with tree chunks: a row's history is what the cache holds and the rows that its mask shows. */
export class FakeTreeModel extends FakeModel {
  readonly alive = new Set<FakeTreeSequence>();

  override newSequence(options: SequenceOptions = {}): Sequence {
    const sequence = new FakeTreeSequence(this, options.capacity ?? this.config.contextLength);
    this.alive.add(sequence);
    return sequence;
  }
}

class FakeTreeSequence implements Sequence {
  capacity: number;
  readonly #model: FakeTreeModel;
  #tokens: number[] = [];
  #chunkStart = 0;

  constructor(model: FakeTreeModel, capacity: number) {
    this.#model = model;
    this.capacity = capacity;
  }

  get length(): number {
    return this.#tokens.length;
  }

  forward(tokens: ArrayLike<number>, { logits = "last", tree }: ForwardOptions = {}): ForwardResult {
    const model = this.#model;
    const rows = tokens.length;
    if (!model.alive.has(this)) throw new UsageError("the sequence is disposed");
    if (rows < 1 || rows > model.maxChunk) throw new LimitError(`chunk of ${rows}`);
    if (this.length + rows > this.capacity) throw new LimitError("the cache is full");
    model.chunks.push(rows);
    const generation = ++model.generation;
    const start = this.length;
    const cached = this.#tokens.slice();
    const chunk = Array.from(tokens);
    const seen = chunk.map((_, i) => [
      ...cached,
      ...chunk.filter((_, j) => j <= i && (tree === undefined || ((tree.masks[i]! >> BigInt(j)) & 1n) === 1n)),
    ]);
    seen.forEach((history, i) => {
      const position = tree?.positions[i] ?? start + i;
      if (position !== history.length - 1) throw new Error(`row ${i} at position ${position} sees ${history.length} tokens`);
    });
    this.#chunkStart = start;
    this.#tokens.push(...chunk);
    const check = (): void => {
      if (model.generation !== generation) throw new Error("stale result: another forward call came between");
    };
    const row = (i: number): number[] => {
      check();
      return seen[logits === "all" ? i : rows - 1]!;
    };
    // Smooth enough that drawn tokens are often, but not always, the likeliest.
    const values = (i: number): Float32Array => {
      const history = row(i);
      const out = Float32Array.from({ length: model.config.vocabSize }, (_, id) => (hash([...history.slice(-2), id]) % 1000) / 500 - 1);
      out[model.next(history)] = 6;
      return out;
    };
    const hidden = (i: number): Float32Array => {
      check();
      return Float32Array.of(seen[i]!.length, seen[i]!.at(-1)!);
    };
    return {
      rows,
      logitRows: logits === "all" ? rows : logits === "last" ? 1 : 0,
      logits: values,
      withLogits(i, use) {
        return use(this.logits(i));
      },
      hidden,
      argmax: (i) => model.next(row(i)),
      activeExperts: this.#active(seen),
    };
  }

  grow(capacity: number): void {
    this.capacity = Math.max(this.capacity, capacity);
  }

  truncate(length: number): void {
    this.#tokens.length = length;
  }

  keep(path: ArrayLike<number>): void {
    const rows = Array.from(path, (row) => this.#tokens[this.#chunkStart + row]!);
    this.#tokens = [...this.#tokens.slice(0, this.#chunkStart), ...rows];
  }

  dispose(): void {
    this.#model.alive.delete(this);
  }

  #active(seen: readonly number[][]): Uint32Array {
    const { ffn, layers } = this.#model.config;
    if (ffn.kind === "dense") return new Uint32Array(0);
    const words = Math.ceil(ffn.experts / 32);
    const mask = new Uint32Array(layers * seen.length * words);
    for (let layer = 0; layer < layers; layer++) {
      seen.forEach((history, row) => {
        for (let e = 0; e < ffn.experts; e++) {
          if (expertIsActive(layer, history.length - 1, history.at(-1)!, e))
            mask[(layer * seen.length + row) * words + (e >> 5)]! |= 1 << (e & 31);
        }
      });
    }
    return mask;
  }
}
