import { LimitError, UsageError } from "../../src/errors.ts";
import type { ChatTemplate } from "../../src/text/chat-template.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import type { ForwardOptions, ForwardResult, LoadedModel, RowTable, Sequence, SequenceOptions } from "../../src/engine/types.ts";

export interface FakeOptions {
  readonly vocabSize?: number;
  readonly contextLength?: number;
  readonly maxChunk?: number;
  /** Default: every row of a chunk. */
  readonly maxLogitRows?: number;
  readonly layers?: number;
  /** 0 for a dense model. */
  readonly experts?: number;
  readonly eosTokenIds?: readonly number[];
  readonly tokenizerJson?: Uint8Array;
  readonly chatTemplate?: ChatTemplate;
  /** Then `auto` does not speculate: chunks of trees are FakeTreeModel's. */
  readonly frozenClock?: boolean;
  /** Next token after a history; default: a hash of it. */
  readonly next?: (history: readonly number[]) => number;
}

/** A model whose logits and active experts are a hash of the tokens so far: whatever the chunks, the same. */
export class FakeModel implements LoadedModel {
  readonly name = "fake";
  readonly config: ModelConfig;
  readonly quantization = "f32";
  readonly tier = "scalar";
  readonly threads = 1;
  readonly maxChunk: number;
  readonly maxLogitRows: number;
  readonly tokenizerJson: Uint8Array | undefined;
  readonly chatTemplate: ChatTemplate | undefined;
  readonly frozenClock: boolean | undefined;
  ffn: "sparse" | "dense" = "sparse";
  disposed = false;
  /** Sequences that are alive. */
  readonly sequences = new Set<FakeSequence>();
  /** Sizes of all chunks that were run. */
  readonly chunks: number[] = [];
  /** Goes up with each forward call: results of earlier calls are then stale. */
  generation = 0;
  readonly next: (history: readonly number[]) => number;

  constructor(options: FakeOptions = {}) {
    const { vocabSize = 64, contextLength = 128, maxChunk = 8, layers = 2, experts = 40, eosTokenIds = [] } = options;
    this.maxChunk = maxChunk;
    this.maxLogitRows = options.maxLogitRows ?? maxChunk;
    this.tokenizerJson = options.tokenizerJson;
    this.chatTemplate = options.chatTemplate;
    this.frozenClock = options.frozenClock;
    this.next = options.next ?? ((history) => hash(history) % vocabSize);
    this.config = {
      architecture: "minicpm",
      vocabSize,
      hiddenSize: 8,
      layers,
      contextLength,
      rmsEps: 1e-5,
      ropeTheta: 10000,
      embedScale: 1,
      residualScale: 1,
      logitScale: 1,
      tied: true,
      attention: { kind: "gqa", heads: 1, kvHeads: 1, headDim: 8 },
      ffn:
        experts === 0
          ? { kind: "dense", size: 8, gated: true }
          : {
              kind: "experts",
              router: "block",
              experts,
              expertSize: 4,
              routerNorm: "none",
              normScale: 1,
              topK: 0,
              topP: 0,
              sharedSize: 0,
              sharedGated: false,
            },
      bosTokenId: 1,
      eosTokenIds,
    };
  }

  newSequence(options: SequenceOptions = {}): Sequence {
    if (this.disposed) throw new UsageError("the model is disposed");
    const sequence = new FakeSequence(this, options.capacity ?? this.config.contextLength);
    this.sequences.add(sequence);
    return sequence;
  }

  reserveLogits(): void {}

  forwardRows(rows: RowTable): ForwardResult[] {
    return rows.map(({ sequence, tokens, ...options }) => sequence.forward(tokens, options));
  }

  dispose(): void {
    this.disposed = true;
  }
}

export class FakeSequence implements Sequence {
  capacity: number;
  readonly #model: FakeModel;
  #tokens: number[] = [];

  constructor(model: FakeModel, capacity: number) {
    this.#model = model;
    this.capacity = capacity;
  }

  get length(): number {
    return this.#tokens.length;
  }

  forward(tokens: ArrayLike<number>, options: ForwardOptions = {}): ForwardResult {
    const model = this.#model;
    if (!model.sequences.has(this)) throw new UsageError("the sequence is disposed");
    const rows = tokens.length;
    if (rows < 1 || rows > model.maxChunk) throw new LimitError(`chunk of ${rows}`);
    if (this.length + rows > this.capacity) throw new LimitError("the cache is full");
    model.chunks.push(rows);
    const generation = ++model.generation;
    const before = this.length;
    for (let i = 0; i < rows; i++) this.#tokens.push(tokens[i] as number);
    const history = this.#tokens.slice();
    const logitRows = options.logits === "none" ? 0 : options.logits === "all" ? rows : 1;
    const logits = (i: number): Float32Array => {
      if (model.generation !== generation) throw new Error("stale result: another forward call came between");
      if (i < 0 || i >= logitRows) throw new Error(`no logits for row ${i}`);
      const seen = history.slice(0, before + rows - logitRows + i + 1);
      const values = Float32Array.from({ length: model.config.vocabSize }, (_, id) => (hash([...seen, id]) % 1000) / 500 - 1);
      values[model.next(seen)] = 4;
      return values;
    };
    const hidden = (row: number): Float32Array => {
      if (model.generation !== generation) throw new Error("stale result: another forward call came between");
      if (row < 0 || row >= rows) throw new Error(`no row ${row}`);
      const seen = history.slice(0, before + row + 1);
      return Float32Array.from({ length: model.config.hiddenSize }, (_, i) => (hash([...seen, -1 - i]) % 1000) / 500 - 1);
    };
    return {
      rows,
      logitRows,
      logits,
      withLogits(i, use) {
        return use(this.logits(i));
      },
      hidden,
      argmax: (i) => indexOfMax(logits(i)),
      activeExperts: this.#active(history, before),
    };
  }

  grow(capacity: number): void {
    this.capacity = Math.max(this.capacity, capacity);
  }

  truncate(length: number): void {
    this.#tokens.length = length;
  }

  keep(): void {
    throw new Error("not faked");
  }

  dispose(): void {
    this.#model.sequences.delete(this);
  }

  #active(history: readonly number[], before: number): Uint32Array {
    const { ffn, layers } = this.#model.config;
    if (ffn.kind === "dense") return new Uint32Array(0);
    const { experts } = ffn;
    const rows = history.length - before;
    const words = Math.ceil(experts / 32);
    const mask = new Uint32Array(layers * rows * words);
    for (let layer = 0; layer < layers; layer++) {
      for (let row = 0; row < rows; row++) {
        for (let e = 0; e < experts; e++) {
          const at = (layer * rows + row) * words + (e >> 5);
          if (expertIsActive(layer, before + row, history[before + row] as number, e))
            mask[at] = ((mask[at] as number) | (1 << (e & 31))) >>> 0;
        }
      }
    }
    return mask;
  }
}

/** The fake router: about a quarter of the experts, by layer, place and token. */
export function expertIsActive(layer: number, place: number, token: number, expert: number): boolean {
  return hash([layer, place >> 2, token & 3, expert]) % 4 === 0;
}

/** Token-level sparsity of a model on tokens, from the definition. */
export function expectedTls(model: FakeModel, tokens: readonly number[]): number {
  const { ffn, layers } = model.config;
  const experts = ffn.kind === "experts" ? ffn.experts : 0;
  let inactive = 0;
  for (let layer = 0; layer < layers; layer++) {
    for (const [place, token] of tokens.entries()) {
      for (let e = 0; e < experts; e++) if (!expertIsActive(layer, place, token, e)) inactive++;
    }
  }
  return inactive / (layers * tokens.length * experts);
}

/** A `next` that says `script` after a prompt of `promptTokens`, then its last token for ever. */
export function scripted(promptTokens: number, script: readonly number[]): (history: readonly number[]) => number {
  return (history) => script[Math.min(Math.max(history.length - promptTokens, 0), script.length - 1)] as number;
}

/** FNV-1a over numbers. */
export function hash(numbers: readonly number[]): number {
  let h = 0x811c9dc5;
  for (const n of numbers) h = Math.imul(h ^ n, 0x01000193) ^ (h >>> 15);
  return h >>> 0;
}

function indexOfMax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}
