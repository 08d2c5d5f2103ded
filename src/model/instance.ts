import * as L from "../../assembly/layout.ts";
import { UsageError } from "../errors.ts";
import type { Tier } from "../host.ts";
import type { ChatTemplate } from "../text/chat-template.ts";
import { Arena } from "./arena.ts";
import type { ModelConfig } from "./config.ts";
import type { DraftLayout } from "../format/draft-head.ts";
import { writeDescriptors, type Addresses } from "./descriptor.ts";
import { EagleHead } from "./eagle.ts";
import type { Engine } from "./engine.ts";
import { alignUp } from "./panel.ts";
import type { WeightPlan } from "./plan.ts";
import { checkScratch, planScratch, writeScratch, type ScratchPlan } from "./scratch.ts";
import { EngineSequence } from "./sequence.ts";
import type { FfnMode, LoadedModel, Quantization, SequenceOptions } from "./types.ts";

/** A sequence takes the model's context length by default, at most this (its cache is allocated at once). */
const DEFAULT_CAPACITY = 4096;

/** A model in linear memory: descriptors, scratch, weights, then the sequences' caches. */
export class ModelInstance implements LoadedModel {
  readonly name: string;
  readonly config: ModelConfig;
  readonly tier: Tier;
  readonly tokenizerJson: Uint8Array | undefined;
  readonly chatTemplate: ChatTemplate | undefined;
  readonly pause: (() => Promise<void>) | undefined;
  readonly engine: Engine;
  readonly plan: WeightPlan;
  readonly scratch: ScratchPlan;
  readonly addresses: Addresses;
  readonly arena: Arena;
  readonly #sequences = new Set<EngineSequence>();
  readonly #draft: DraftLayout | undefined;
  #head: EagleHead | undefined;
  #ffn: FfnMode;
  #disposed = false;

  /** Reserves memory and writes the descriptors; the weights are the caller's to fill in at `addresses.weights`. */
  constructor(init: {
    name: string; config: ModelConfig; tier: Tier; engine: Engine; plan: WeightPlan; draft?: DraftLayout | undefined; ffn: FfnMode; tokenizerJson: Uint8Array | undefined;
    chatTemplate?: ChatTemplate | undefined; pause?: (() => Promise<void>) | undefined;
  }) {
    this.name = init.name;
    this.config = init.config;
    this.tier = init.tier;
    this.tokenizerJson = init.tokenizerJson;
    this.chatTemplate = init.chatTemplate;
    this.pause = init.pause;
    this.engine = init.engine;
    this.plan = init.plan;
    this.#draft = init.draft;
    this.scratch = planScratch(init.config, init.engine.threads);
    checkScratch(this.scratch, init.plan.bytes, init.name);
    if (init.draft !== undefined) checkScratch(planScratch(init.draft.model, init.engine.threads), init.plan.bytes + init.draft.plan.bytes, init.name);
    const { attention } = init.config;
    const ropeDim = attention.kind === "gqa" ? attention.headDim : attention.ropeDim;
    const descriptor = alignUp(init.engine.exports.heapBase(), 64);
    const layers = alignUp(descriptor + L.MODEL_BYTES, 64);
    const frequencies = alignUp(layers + init.config.layers * L.LAYER_BYTES, 64);
    const scratch = alignUp(frequencies + ropeDim * 2, 64);
    const weights = alignUp(scratch + this.scratch.bytes, 64);
    this.addresses = { descriptor, layers, frequencies, scratch, weights };
    const end = weights + (init.draft === undefined ? init.plan.bytes : draftEnd(init.draft));
    init.engine.reserve(end + L.READ_AHEAD, "the model");
    this.arena = new Arena(init.engine, end + L.READ_AHEAD);
    this.#ffn = init.ffn;
    writeScratch(init.engine, scratch, this.scratch);
    this.#writeDescriptors();
    init.engine.exports.ropeFrequencies(init.config.ropeTheta, ropeDim, frequencies);
  }

  get quantization(): Quantization {
    return this.plan.quantization;
  }

  get threads(): number {
    return this.engine.threads;
  }

  get maxChunk(): number {
    return this.scratch.maxChunk;
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
    if (draft === undefined) throw new UsageError("the model carries no EAGLE head; make one that does with convert --draft", { file: this.name });
    const { weights } = this.addresses;
    const tokens = draft.tokensAt === undefined ? undefined : this.engine.u32(weights + draft.tokensAt, draft.config.draftVocab).slice();
    this.#head = new EagleHead(this.name, this, draft.model, draft.plan, tokens, weights + draft.weightsAt);
    return this.#head;
  }

  newSequence(options: SequenceOptions = {}): EngineSequence {
    this.assertAlive();
    const capacity = options.capacity ?? Math.min(this.config.contextLength, DEFAULT_CAPACITY);
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > this.config.contextLength) {
      throw new UsageError(`capacity must be a whole number from 1 to the model's context length ${this.config.contextLength}`, {
        field: "capacity", limit: this.config.contextLength,
      });
    }
    const sequence = new EngineSequence(this, capacity, () => this.#sequences.delete(sequence));
    this.#sequences.add(sequence);
    return sequence;
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
    return this.addresses.scratch + (this.scratch.offsets.get(field) as number);
  }

  #writeDescriptors(): void {
    writeDescriptors(new DataView(this.engine.memory.buffer), this.addresses, this.config, this.plan, this.maxChunk, this.#ffn);
  }
}

/** Bytes from the start of the weights to the end of the head behind them. */
function draftEnd(draft: DraftLayout): number {
  const last = draft.parts[draft.parts.length - 1]!;
  return last.offset + last.bytes;
}
