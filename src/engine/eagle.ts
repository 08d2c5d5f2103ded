import { writeModel, type Addresses } from "../../core/descriptor.ts";
import * as L from "../../core/layout/matrix.ts";
import { EAGLE_BYTES, EAGLE_HIDDEN } from "../../core/layout/eagle.ts";
import { READ_AHEAD } from "../../core/layout/memory.ts";
import { LAYER_BYTES, MODEL_EMBED, MODEL_HEAD } from "../../core/layout/model.ts";
import type { WeightPlan } from "../../core/plan.ts";
import { writeScratch, type ScratchPlan } from "../../core/scratch.ts";
import { UsageError } from "../errors.ts";
import type { ModelConfig } from "../architecture/config.ts";
import { architectureOf } from "../architecture/flat.ts";
import { writeFrequencies } from "./frequencies.ts";
import { quantizationOf } from "../architecture/plan.ts";
import { EagleSequence, MAX_TOP } from "./eagle-sequence.ts";
import type { DraftHead } from "./draft-head.ts";
import type { HeadMemory, ModelMemory } from "./model-memory.ts";
import { alignUp } from "../../core/numbers.ts";
import { matrixBytes, paddedRows } from "../../core/panel.ts";
import { LogitRoom } from "./logits.ts";
import { planDraftScratch } from "./layout.ts";
import type { Quantization } from "../architecture/quantization.ts";
import { ViewWriter } from "./view-writer.ts";

/** Where a head's parts lie. */
interface Memory {
  readonly addresses: Addresses;
  readonly bytes: number;
  readonly hidden: number;
  readonly topRow: number;
  readonly topIndices: number;
  readonly topValues: number;
}

/**
 * An EAGLE head (arXiv 2406.16858) in the memory of its base model: a small model that reads a token's embedding together with the
 * base model's hidden state before it, and shares the base model's embedding and head. Its draft vocabulary may be a part of the
 * base model's (`draftTokens`); logits are then computed for those rows of the head only.
 */
export class EagleHead implements DraftHead, HeadMemory {
  readonly name: string;
  readonly base: ModelMemory;
  /** The head as a model; `vocabSize` is that of the draft vocabulary. */
  readonly config: ModelConfig;
  readonly scratch: ScratchPlan;
  /** Token id of each draft token; undefined when they are the same. */
  readonly draftTokens: Uint32Array | undefined;
  /** Where calls leave their logits. */
  readonly logits: LogitRoom;
  readonly #plan: WeightPlan;
  readonly #weightsAt: number | undefined;
  #memory: Memory | undefined;
  /** The sequence whose results lie in scratch now. */
  latest: EagleSequence | undefined;
  #disposed = false;

  /**
   * Reserves memory and writes descriptors, at once or, for weights that are there already, with the first sequence.
   * @param weightsAt where the weights lie; without it they are the caller's to fill in at `addresses.weights`
   */
  constructor(
    name: string,
    base: ModelMemory,
    config: ModelConfig,
    plan: WeightPlan,
    draftTokens: Uint32Array | undefined,
    weightsAt?: number,
  ) {
    this.name = name;
    this.base = base;
    this.config = config;
    this.draftTokens = draftTokens;
    this.scratch = planDraftScratch(config, base.threads, plan.bytes + base.plan.bytes, name);
    this.logits = new LogitRoom(base.arena, config.vocabSize, this.scratch.maxChunk);
    this.#plan = plan;
    this.#weightsAt = weightsAt;
    if (weightsAt === undefined) this.#memory = this.#allocate();
  }

  /** Rows that a call takes at most. */
  get maxChunk(): number {
    return this.scratch.maxChunk;
  }

  /** Token id of a draft token. */
  tokenOf(draft: number): number {
    return this.draftTokens === undefined ? draft : (this.draftTokens[draft] as number);
  }

  get addresses(): Addresses {
    return this.#held().addresses;
  }

  /** f32 [maxChunk, hidden padded]: the input. */
  get hidden(): number {
    return this.#held().hidden;
  }

  /** f32 [vocab]: room for a top-k. */
  get topRow(): number {
    return this.#held().topRow;
  }

  /** u32 [MAX_TOP]: its results. */
  get topIndices(): number {
    return this.#held().topIndices;
  }

  /** f32 [MAX_TOP]: their values. */
  get topValues(): number {
    return this.#held().topValues;
  }

  /**
   * A cache for `capacity` tokens; with the first one, the head's own memory.
   * @throws MemoryError when memory cannot grow: nothing is taken then.
   */
  newSequence(capacity: number, logitRows = 1): EagleSequence {
    this.assertAlive();
    const before = this.#memory;
    this.#memory ??= this.#allocate();
    let opened = false;
    try {
      this.logits.open(Math.min(logitRows, this.logits.maxRows));
      opened = true;
      return new EagleSequence(this, capacity, () => this.logits.close());
    } catch (error) {
      if (opened) this.logits.close();
      if (before === undefined) this.#release();
      throw error;
    }
  }

  /** Frees the head's memory; its sequences end with an error when used afterwards. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.logits.release();
    this.#release();
  }

  /** @throws UsageError after dispose() of the head or its base model. */
  assertAlive(): void {
    this.base.assertAlive();
    if (this.#disposed) throw new UsageError("the EAGLE head is disposed; load it again");
  }

  /** Address of a scratch buffer. */
  scratchAt(field: number): number {
    return this.addresses.scratch + this.scratch.offset(field);
  }

  #held(): Memory {
    if (this.#memory === undefined) throw new UsageError("the EAGLE head has no sequence yet", { file: this.name });
    return this.#memory;
  }

  #release(): void {
    if (this.#memory !== undefined) this.base.arena.release(this.#memory.addresses.descriptor, this.#memory.bytes);
    this.#memory = undefined;
  }

  #allocate(): Memory {
    const { base, config, draftTokens } = this;
    const { engine } = base;
    let end = 0;
    const put = (bytes: number): number => {
      const at = end;
      end = alignUp(end + bytes, 64);
      return at;
    };
    const { rotated } = architectureOf(config);
    const offsets = {
      descriptor: put(EAGLE_BYTES),
      layers: put(config.layers * LAYER_BYTES),
      frequencies: put(rotated * 2),
      scratch: put(this.scratch.bytes),
      weights: put(this.#weightsAt === undefined ? this.#plan.bytes : 0),
    };
    const hidden = put(this.maxChunk * paddedRows(config.hiddenSize) * 4);
    const topRow = put(config.vocabSize * 4);
    const topIndices = put(MAX_TOP * 4);
    const topValues = put(MAX_TOP * 4);
    const source = headMatrix(base);
    const type = draftRowType(source.type, quantizationOf(this.#plan));
    const rows = put(draftTokens === undefined ? 0 : matrixBytes(type, draftTokens.length, config.hiddenSize));
    const ids = put((draftTokens?.length ?? 0) * 4);
    const bytes = end + READ_AHEAD;
    const at = base.arena.allocate(bytes, "the EAGLE head");
    engine.bytes(at, bytes).fill(0);
    const addresses = {
      descriptor: at + offsets.descriptor,
      layers: at + offsets.layers,
      frequencies: at + offsets.frequencies,
      scratch: at + offsets.scratch,
      weights: this.#weightsAt ?? at + offsets.weights,
    };
    writeScratch(new ViewWriter(engine.memory), addresses.scratch, this.scratch);
    writeFrequencies(engine.exports, config, addresses.frequencies);
    this.#writeDescriptors(addresses, at + hidden);
    if (draftTokens !== undefined) {
      engine.u32(at + ids, draftTokens.length).set(draftTokens);
      engine.exports.gatherRows(source.address, at + ids, draftTokens.length, at + rows, type);
      const view = engine.view();
      view.setUint32(addresses.descriptor + MODEL_HEAD + L.MATRIX_TYPE, type, true);
      view.setUint32(addresses.descriptor + MODEL_HEAD + L.MATRIX_ROWS, draftTokens.length, true);
      view.setUint32(addresses.descriptor + MODEL_HEAD + L.MATRIX_DATA, at + rows, true);
    }
    return { addresses, bytes, hidden: at + hidden, topRow: at + topRow, topIndices: at + topIndices, topValues: at + topValues };
  }

  #writeDescriptors(addresses: Addresses, hidden: number): void {
    const { engine } = this.base;
    const { descriptor } = addresses;
    const out = new ViewWriter(engine.memory);
    writeModel(out, addresses, architectureOf(this.config), this.#plan, this.maxChunk, false);
    const from = this.base.addresses.descriptor;
    for (const field of [MODEL_EMBED, MODEL_HEAD])
      engine.bytes(descriptor + field, L.MATRIX_BYTES).set(engine.bytes(from + field, L.MATRIX_BYTES));
    out.u32(descriptor + EAGLE_HIDDEN, hidden);
  }
}

/** Drafts are only proposals: in a q4 model, 4 bits serve for the rows of the draft vocabulary, which are most of what a draft reads. */
function draftRowType(source: number, quantization: Quantization): number {
  return quantization === "q4" || quantization === "q4-all" ? L.WEIGHT_Q4 : source;
}

/** The base model's head: address of its matrix descriptor, and its type. */
function headMatrix(base: ModelMemory): { address: number; type: number } {
  const address = base.addresses.descriptor + MODEL_HEAD;
  const type = base.engine.view().getUint32(address + L.MATRIX_TYPE, true);
  return { address, type };
}
