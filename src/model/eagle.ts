import * as L from "../../assembly/layout.ts";
import { ConfigError, SourceError, UsageError } from "../errors.ts";
import { MAX_CONFIG_BYTES, openWeights, readOptional } from "../format/checkpoint.ts";
import { checkEagleTensors, packEagle } from "../format/eagle-weights.ts";
import type { ModelFiles } from "../format/source.ts";
import type { Host } from "../host.ts";
import type { ModelConfig } from "./config.ts";
import { Fields, writeLayers, writeModel, type Addresses } from "./descriptor.ts";
import { MAX_RANKING_BYTES, parseEagleConfig, parseRanking } from "./eagle-config.ts";
import { EagleSequence, MAX_TOP } from "./eagle-sequence.ts";
import type { ModelInstance } from "./instance.ts";
import { alignUp, matrixBytes, paddedRows, type WeightType } from "./panel.ts";
import { planLayer, Planner, type WeightPlan } from "./plan.ts";
import { checkScratch, planScratch, writeScratch, type ScratchPlan } from "./scratch.ts";
import type { Quantization } from "./types.ts";

const CONFIG = "config.json";
const RANKING = "token_frequency_rank.json";

export interface EagleOptions {
  /** Drafts only the so many most frequent tokens (FR-Spec); the folder must have a token_frequency_rank.json. Default: all. */
  readonly draftVocab?: number;
}

/**
 * Loads an EAGLE head for a loaded model, into the model's memory and quantised as the model is: a folder with config.json, weights
 * in the official naming and, for a reduced draft vocabulary, token_frequency_rank.json.
 * @throws SourceError for missing files; ConfigError, FormatError, LimitError for heads that are damaged or belong to another model.
 */
export async function loadEagle(host: Host, location: string, base: ModelInstance, options: EagleOptions = {}): Promise<EagleHead> {
  base.assertAlive();
  const files = await host.open(location);
  if (files.single) throw new UsageError("is one file; an EAGLE head is a folder with config.json and weights", { file: files.name });
  const json = await readOptional(files, CONFIG, MAX_CONFIG_BYTES);
  if (json === undefined) throw new SourceError(`there is no ${CONFIG} in ${files.name}; an EAGLE head needs one`, { file: CONFIG });
  const full = parseEagleConfig(json, CONFIG, base.config);
  const draftTokens = await readDraftTokens(files, base.config.vocabSize, options.draftVocab);
  const config: ModelConfig = { ...full, vocabSize: draftTokens?.length ?? base.config.vocabSize };
  const plan = planEagle(config, base.quantization);
  const tensors = await openWeights(files);
  try {
    checkEagleTensors(config, plan, tensors, CONFIG);
    const head = new EagleHead(files.name, base, config, plan, draftTokens);
    try {
      await packEagle(config, plan, tensors, (offset, bytes) => base.engine.bytes(head.addresses.weights + offset, bytes.length).set(bytes));
    } catch (error) {
      head.dispose();
      throw error;
    }
    return head;
  } finally {
    await tensors.close();
  }
}

async function readDraftTokens(files: ModelFiles, vocabSize: number, count: number | undefined): Promise<Uint32Array | undefined> {
  if (count === undefined) return undefined;
  if (!Number.isInteger(count) || count < 1 || count > vocabSize) {
    throw new UsageError(`must be a whole number from 1 to the vocabulary's ${vocabSize}`, { field: "draftVocab", limit: vocabSize });
  }
  const json = await readOptional(files, RANKING, MAX_RANKING_BYTES);
  if (json === undefined) throw new ConfigError(`is not in ${files.name}: a reduced draft vocabulary needs it; leave draftVocab out to draft all tokens`, { file: RANKING });
  return parseRanking(json, RANKING, vocabSize, count);
}

/** Lays out a head's own weights. Layer 0 has no norm before its attention. */
export function planEagle(config: ModelConfig, quantization: Quantization): WeightPlan {
  const plan = new Planner(quantization);
  const hidden = config.hiddenSize;
  plan.vector("embed_norm", hidden);
  plan.matrix("fc_embed", hidden, hidden);
  plan.vector("hidden_norm", hidden);
  plan.matrix("fc_hidden", hidden, hidden);
  plan.vector("fc_bias", hidden);
  for (let l = 0; l < config.layers; l++) {
    if (l > 0) plan.vector(`layers.${l}.attn_norm`, hidden);
    planLayer(config, `layers.${l}.`, plan);
  }
  return plan.finish();
}

/**
 * An EAGLE head (arXiv 2406.16858) in the memory of its base model: a small model that reads a token's embedding together with the
 * base model's hidden state before it, and shares the base model's embedding and head. Its draft vocabulary may be a part of the
 * base model's (`draftTokens`); logits are then computed for those rows of the head only.
 */
export class EagleHead {
  readonly name: string;
  readonly base: ModelInstance;
  /** The head as a model; `vocabSize` is that of the draft vocabulary. */
  readonly config: ModelConfig;
  readonly scratch: ScratchPlan;
  readonly addresses: Addresses;
  /** f32 [maxChunk, hidden padded] input; f32 [vocab], u32 and f32 [MAX_TOP]: room for a top-k and its results. */
  readonly hidden: number;
  readonly topRow: number;
  readonly topIndices: number;
  readonly topValues: number;
  /** Token id of each draft token; undefined when they are the same. */
  readonly draftTokens: Uint32Array | undefined;
  readonly #bytes: number;
  #disposed = false;

  /** Reserves memory and writes descriptors; the weights are the caller's to fill in at `addresses.weights`. */
  constructor(name: string, base: ModelInstance, config: ModelConfig, plan: WeightPlan, draftTokens: Uint32Array | undefined) {
    this.name = name;
    this.base = base;
    this.config = config;
    this.draftTokens = draftTokens;
    this.scratch = planScratch(config, base.threads);
    checkScratch(this.scratch, plan.bytes + base.plan.bytes, name);
    const { engine } = base;
    const { attention } = config;
    let end = 0;
    const put = (bytes: number): number => {
      const at = end;
      end = alignUp(end + bytes, 64);
      return at;
    };
    const ropeDim = attention.kind === "gqa" ? attention.headDim : attention.ropeDim;
    const offsets = {
      descriptor: put(L.EAGLE_BYTES), layers: put(config.layers * L.LAYER_BYTES), frequencies: put(ropeDim * 2), scratch: put(this.scratch.bytes),
      weights: put(plan.bytes),
    };
    const hidden = put(this.maxChunk * paddedRows(config.hiddenSize) * 4);
    const topRow = put(config.vocabSize * 4);
    const topIndices = put(MAX_TOP * 4);
    const topValues = put(MAX_TOP * 4);
    const source = headMatrix(base);
    const rows = put(draftTokens === undefined ? 0 : matrixBytes(source.type, draftTokens.length, config.hiddenSize));
    const ids = put((draftTokens?.length ?? 0) * 4);
    this.#bytes = end + L.READ_AHEAD;
    const at = base.arena.allocate(this.#bytes, "the EAGLE head");
    engine.bytes(at, this.#bytes).fill(0);
    this.addresses = {
      descriptor: at + offsets.descriptor, layers: at + offsets.layers, frequencies: at + offsets.frequencies, scratch: at + offsets.scratch,
      weights: at + offsets.weights,
    };
    this.hidden = at + hidden;
    this.topRow = at + topRow;
    this.topIndices = at + topIndices;
    this.topValues = at + topValues;
    writeScratch(engine, this.addresses.scratch, this.scratch);
    engine.exports.ropeFrequencies(config.ropeTheta, ropeDim, this.addresses.frequencies);
    this.#writeDescriptors(plan);
    if (draftTokens !== undefined) {
      engine.u32(at + ids, draftTokens.length).set(draftTokens);
      engine.exports.gatherRows(source.address, at + ids, draftTokens.length, at + rows);
      const view = new DataView(engine.memory.buffer);
      view.setUint32(this.addresses.descriptor + L.MODEL_HEAD + L.MATRIX_ROWS, draftTokens.length, true);
      view.setUint32(this.addresses.descriptor + L.MODEL_HEAD + L.MATRIX_DATA, at + rows, true);
    }
  }

  /** Rows that a call takes at most. */
  get maxChunk(): number {
    return this.scratch.maxChunk;
  }

  /** Token id of a draft token. */
  tokenOf(draft: number): number {
    return this.draftTokens === undefined ? draft : (this.draftTokens[draft] as number);
  }

  /** A cache for `capacity` tokens. @throws LimitError when memory cannot grow. */
  newSequence(capacity: number): EagleSequence {
    this.assertAlive();
    return new EagleSequence(this, capacity);
  }

  /** Frees the head's memory; its sequences end with an error when used afterwards. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.base.arena.release(this.addresses.descriptor, this.#bytes);
  }

  /** @throws UsageError after dispose() of the head or its base model. */
  assertAlive(): void {
    this.base.assertAlive();
    if (this.#disposed) throw new UsageError("the EAGLE head is disposed; load it again");
  }

  /** Address of a scratch buffer. */
  scratchAt(field: number): number {
    return this.addresses.scratch + (this.scratch.offsets.get(field) as number);
  }

  #writeDescriptors(plan: WeightPlan): void {
    const { engine } = this.base;
    const { descriptor, weights } = this.addresses;
    const view = new DataView(engine.memory.buffer);
    const fields = new Fields(view, descriptor, plan, weights);
    writeModel(fields, this.addresses, this.config, plan, this.maxChunk, "sparse");
    writeLayers(view, this.addresses, this.config, plan);
    const from = this.base.addresses.descriptor;
    for (const field of [L.MODEL_EMBED, L.MODEL_HEAD]) engine.bytes(descriptor + field, L.MATRIX_BYTES).set(engine.bytes(from + field, L.MATRIX_BYTES));
    fields.vector(L.EAGLE_EMBED_NORM, "embed_norm");
    fields.matrix(L.EAGLE_FC_EMBED, "fc_embed");
    fields.vector(L.EAGLE_HIDDEN_NORM, "hidden_norm");
    fields.matrix(L.EAGLE_FC_HIDDEN, "fc_hidden");
    fields.vector(L.EAGLE_FC_BIAS, "fc_bias");
    fields.int(L.EAGLE_HIDDEN, this.hidden);
  }
}

/** The base model's head: address of its matrix descriptor, and its type. */
function headMatrix(base: ModelInstance): { address: number; type: WeightType } {
  const address = base.addresses.descriptor + L.MODEL_HEAD;
  const type = new DataView(base.engine.memory.buffer).getUint32(address + L.MATRIX_TYPE, true) as WeightType;
  return { address, type };
}
