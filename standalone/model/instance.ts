import { MODEL_BYTES, LAYER_BYTES, READ_AHEAD } from "../../assembly/layout";
import { ropeFrequencies } from "../../assembly/model/rope_table";
import { fail, failed } from "../failure";
import { PackedModel } from "../format/packed";
import { release, reserve } from "../memory";
import { Source } from "../source";
import { Tokenizer } from "../text/tokenizer";
import { checkWeights } from "./check";
import { Addresses, writeDescriptors } from "./descriptor";
import { alignUp } from "./panel";
import { LogitRoom } from "./logits";
import { checkScratch, planScratch, ScratchPlan, writeScratch } from "./scratch";
import { ModelConfig } from "./config";

/** Bytes read at a time: progress can be told between them. */
const READ_BYTES: u64 = 4 << 20;

/** Is told how far reading has come. */
export abstract class Progress {
  abstract update(done: u64, total: u64): void;
}

/** A model in linear memory, with its tokenizer. */
export class LoadedModel {
  at: Addresses = new Addresses();
  scratch: ScratchPlan = new ScratchPlan();
  logits: LogitRoom = new LogitRoom();
  /** null when the model has none: prompts are then token ids. */
  tokenizer: Tokenizer | null = null;
  packed: PackedModel = new PackedModel();
  /** Generations that are under way, and whether nobody else holds the model any more: for the component. */
  users: i32 = 0;
  dropped: bool = false;
  private bytes: u64 = 0;
  private tokenizerAt: usize = 0;

  get config(): ModelConfig {
    return this.packed.config;
  }

  /** Reads a packed model. Fails naming file, field and limit. */
  load(source: Source, progress: Progress | null = null): void {
    this.packed.open(source);
    if (failed()) return;
    this.scratch = planScratch(this.config);
    checkScratch(this.scratch, this.packed.plan.bytes);
    if (failed()) return;
    this.readTokenizer(source);
    if (failed()) return;
    this.place();
    if (failed()) return;
    this.readWeights(source, progress);
    if (!failed()) checkWeights(this.packed.plan, this.at.weights);
  }

  free(): void {
    this.logits.free();
    release(this.at.descriptor, this.bytes);
    const entry = this.packed.tokenizer;
    if (entry !== null) release(this.tokenizerAt, entry.bytes);
  }

  /** Address of a scratch buffer. */
  scratchAt(field: i32): usize {
    return this.at.scratch + <usize>this.scratch.offsets[field >> 2];
  }

  /** Reserves [descriptor | layers | frequencies | scratch | weights] and writes all but the weights. */
  private place(): void {
    const config = this.config;
    const layers = alignUp(MODEL_BYTES, 64);
    const frequencies = alignUp(layers + <u64>config.layers * LAYER_BYTES, 64);
    const scratch = alignUp(frequencies + <u64>config.rotated * 2, 64);
    const weights = alignUp(scratch + this.scratch.bytes, 64);
    this.bytes = weights + this.packed.plan.bytes + READ_AHEAD;
    const base = reserve(this.bytes, "the model");
    if (failed()) return;
    memory.fill(base, 0, <usize>weights);
    const at = this.at;
    at.descriptor = base;
    at.layers = base + <usize>layers;
    at.frequencies = base + <usize>frequencies;
    at.scratch = base + <usize>scratch;
    at.weights = base + <usize>weights;
    writeScratch(at.scratch, this.scratch);
    this.logits.open(config.vocabSize);
    writeDescriptors(at, config, this.packed.plan, this.scratch.maxChunk, false);
    ropeFrequencies(config.ropeTheta, config.rotated, at.frequencies);
  }

  private readTokenizer(source: Source): void {
    const entry = this.packed.tokenizer;
    if (entry === null) return;
    this.tokenizerAt = reserve(entry.bytes, "tokenizer.json");
    if (failed() || !source.read(entry.offset, this.tokenizerAt, <u32>entry.bytes)) return;
    const tokenizer = new Tokenizer();
    tokenizer.load(this.tokenizerAt, <u32>entry.bytes);
    this.tokenizer = tokenizer;
  }

  private readWeights(source: Source, progress: Progress | null): void {
    const total = this.packed.plan.end;
    for (let done: u64 = 0; done < total; ) {
      const count = min(READ_BYTES, total - done);
      if (!source.read(this.packed.weightsOffset + done, this.at.weights + <usize>done, <u32>count)) {
        fail("cannot be read");
        return;
      }
      done += count;
      if (progress !== null) progress.update(done, total);
    }
  }
}
