import { writeModel, type Addresses } from "../../core/descriptor.ts";
import type { WeightPlan } from "../../core/plan.ts";
import { writeScratch, type ScratchPlan } from "../../core/scratch.ts";
import { UsageError } from "../errors.ts";
import type { Tier } from "../host.ts";
import type { ChatTemplate } from "../text/chat-template.ts";
import type { GenerationDefaults } from "../text/generation-defaults.ts";
import type { ModelText } from "../text/model-text.ts";
import { Arena } from "./arena.ts";
import type { ModelConfig } from "../architecture/config.ts";
import type { DraftLayout } from "../architecture/draft-head.ts";
import { EagleHead } from "./eagle.ts";
import type { Engine } from "./engine.ts";
import { cacheBytes } from "./cache.ts";
import { writeFrequencies } from "./frequencies.ts";
import { layoutModel, type ModelLayout } from "./layout.ts";
import { architectureOf } from "../architecture/flat.ts";
import { quantizationOf } from "../architecture/plan.ts";
import { forwardRows } from "./forward-rows.ts";
import { LogitRoom } from "./logits.ts";
import type { ModelMemory, RowCache } from "./model-memory.ts";
import { checkCapacity, EngineSequence } from "./sequence.ts";
import {
  ROWS_OPTIONS,
  SEQUENCE_OPTIONS,
  type FfnMode,
  type ForwardResult,
  type LoadedModel,
  type RowTable,
  type SequenceOptions,
} from "./types.ts";
import { ViewWriter } from "./view-writer.ts";
import type { Quantization } from "../architecture/quantization.ts";
import { checkOptions } from "../options.ts";

/** A sequence takes the model's context length by default, at most this (its cache is allocated at once). */
const DEFAULT_CAPACITY = 4096;

/** A model in linear memory: descriptors, scratch, weights, then the sequences' caches. */
export class ModelInstance implements LoadedModel, ModelMemory {
  readonly name: string;
  readonly config: ModelConfig;
  readonly tier: Tier;
  readonly #text: ModelText | undefined;
  readonly pause: (() => Promise<void>) | undefined;
  readonly frozenClock: boolean | undefined;
  readonly engine: Engine;
  readonly plan: WeightPlan;
  readonly scratch: ScratchPlan;
  readonly addresses: Addresses;
  readonly arena: Arena;
  /** Where calls leave their logits. */
  readonly logits: LogitRoom;
  readonly #sequences = new Set<EngineSequence>();
  readonly #draft: DraftLayout | undefined;
  #head: EagleHead | undefined;
  #ffn: FfnMode;
  /** Whose results lie in scratch now: the last forward call of any sequence. */
  latest: object | undefined;
  #disposed = false;

  /**
   * Reserves memory and writes the descriptors; the weights are the caller's to fill in at `addresses.weights`.
   * @param init.layout what lies where; default: from the engine's heap base on
   */
  constructor(init: {
    name: string;
    config: ModelConfig;
    tier: Tier;
    engine: Engine;
    plan: WeightPlan;
    draft?: DraftLayout | undefined;
    layout?: ModelLayout;
    ffn: FfnMode;
    text?: ModelText | undefined;
    pause?: (() => Promise<void>) | undefined;
    frozenClock?: boolean | undefined;
  }) {
    this.name = init.name;
    this.config = init.config;
    this.tier = init.tier;
    this.#text = init.text;
    this.pause = init.pause;
    this.frozenClock = init.frozenClock;
    this.engine = init.engine;
    this.plan = init.plan;
    this.#draft = init.draft;
    const {
      engine,
      layout = layoutModel(init.config, init.plan, init.draft, {
        threads: engine.threads,
        base: engine.exports.heapBase() >>> 0,
        file: init.name,
      }),
    } = init;
    this.scratch = layout.scratch;
    this.addresses = layout.addresses;
    engine.reserve(layout.end, "the model");
    this.arena = new Arena(engine, layout.end);
    this.logits = new LogitRoom(this.arena, init.config.vocabSize, layout.scratch.maxChunk);
    this.#ffn = init.ffn;
    writeScratch(new ViewWriter(engine.memory), layout.addresses.scratch, layout.scratch);
    this.#writeDescriptors();
    writeFrequencies(engine.exports, init.config, layout.addresses.frequencies);
  }

  get tokenizerJson(): Uint8Array | undefined {
    return this.#text?.tokenizerJson;
  }

  get chatTemplate(): ChatTemplate | undefined {
    return this.#text?.chatTemplate;
  }

  get generationDefaults(): GenerationDefaults | undefined {
    return this.#text?.generationDefaults;
  }

  get quantization(): Quantization {
    return quantizationOf(this.plan);
  }

  get threads(): number {
    return this.engine.threads;
  }

  get maxChunk(): number {
    return this.scratch.maxChunk;
  }

  get maxLogitRows(): number {
    return this.logits.maxRows;
  }

  get mostTokens(): number {
    const { arena, config, threads, logits } = this;
    let fits = 0;
    let above = config.contextLength + 1;
    while (above - fits > 1) {
      const tokens = Math.floor((fits + above) / 2);
      if (arena.couldHold(logits.rowBytes, cacheBytes(config, tokens, threads))) fits = tokens;
      else above = tokens;
    }
    return fits;
  }

  get ffn(): FfnMode {
    return this.#ffn;
  }

  set ffn(mode: FfnMode) {
    this.#ffn = mode;
    this.#writeDescriptors();
  }

  get hasDraftHead(): boolean {
    return this.#draft !== undefined;
  }

  draftHead(): EagleHead {
    this.assertAlive();
    if (this.#head !== undefined) return this.#head;
    const draft = this.#draft;
    if (draft === undefined)
      throw new UsageError("the model carries no EAGLE head; make one that does with convert --draft", { file: this.name });
    const { weights } = this.addresses;
    const tokens = draft.tokensAt === undefined ? undefined : this.engine.u32(weights + draft.tokensAt, draft.config.draftVocab).slice();
    this.#head = new EagleHead(this.name, this, draft.model, draft.plan, tokens, weights + draft.weightsAt);
    return this.#head;
  }

  newSequence(options: SequenceOptions = {}): EngineSequence {
    this.assertAlive();
    checkOptions(options, SEQUENCE_OPTIONS, "newSequence");
    const capacity = options.capacity ?? Math.min(this.config.contextLength, DEFAULT_CAPACITY);
    checkCapacity(capacity, this.config);
    this.logits.open();
    try {
      const sequence = new EngineSequence(this, capacity, () => {
        this.#sequences.delete(sequence);
        this.logits.close();
      });
      this.#sequences.add(sequence);
      return sequence;
    } catch (error) {
      this.logits.close();
      throw error;
    }
  }

  reserveLogits(rows: number): void {
    this.assertAlive();
    if (!Number.isInteger(rows) || rows < 1 || rows > this.maxLogitRows)
      throw new UsageError(`must be a whole number from 1 to ${this.maxLogitRows}`, { field: "rows", limit: this.maxLogitRows });
    this.logits.reserve(rows);
  }

  forwardRows(rows: RowTable): ForwardResult[] {
    for (const entry of rows) checkOptions(entry, ROWS_OPTIONS, "forwardRows");
    return forwardRows(this, rows, (i) => `rows[${i}].`);
  }

  cacheOf(sequence: object): RowCache | undefined {
    return this.#sequences.has(sequence as EngineSequence) ? (sequence as EngineSequence) : undefined;
  }

  dispose(): void {
    for (const sequence of [...this.#sequences]) sequence.dispose();
    this.#disposed = true;
    this.engine.dispose();
  }

  /** @throws UsageError after dispose(). */
  assertAlive(): void {
    if (this.#disposed) throw new UsageError("the model is disposed; load it again");
  }

  /** Address of a scratch buffer. */
  scratchAt(field: number): number {
    return this.addresses.scratch + this.scratch.offset(field);
  }

  #writeDescriptors(): void {
    writeModel(
      new ViewWriter(this.engine.memory),
      this.addresses,
      architectureOf(this.config),
      this.plan,
      this.maxChunk,
      this.#ffn === "dense",
    );
  }
}
