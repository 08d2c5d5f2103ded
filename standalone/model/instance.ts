import { Architecture } from "../../core/architecture";
import { Addresses, writeModel } from "../../core/descriptor";
import { placeModel } from "../../core/placement";
import { checkScratch, planScratch, PROMPT_CHUNK, ScratchPlan, writeScratch } from "../../core/scratch";
import { ropeFrequencies } from "../../assembly/model/rope_table";
import { fail, failed } from "../failure";
import { PackedModel } from "../format/packed";
import { release, reserve } from "../memory";
import { Source } from "../source";
import { Tokenizer } from "../text/tokenizer";
import { checkWeights } from "./check";
import { MemoryWriter } from "./memory-writer";
import { LogitRoom } from "./logits";

/** Bytes read at a time: progress can be told between them. */
const READ_BYTES: u64 = 4 << 20;

/** Is told how far reading has come. */
export abstract class Progress {
  abstract update(done: u64, total: u64): void;
}

/** A model in linear memory, with its tokenizer. */
export class LoadedModel {
  at: Addresses = new Addresses();
  scratch: ScratchPlan = new ScratchPlan(0, 1);
  logits: LogitRoom = new LogitRoom();
  /** null when the model has none: prompts are then token ids. */
  tokenizer: Tokenizer | null = null;
  packed: PackedModel = new PackedModel();
  /** Generations that are under way, and whether nobody else holds the model any more: for the component. */
  users: i32 = 0;
  dropped: bool = false;
  private bytes: f64 = 0;
  private tokenizerAt: usize = 0;

  get config(): Architecture {
    return this.packed.config;
  }

  /** Reads a packed model. Fails naming file, field and limit. */
  load(source: Source, progress: Progress | null = null): void {
    this.packed.open(source);
    if (failed()) return;
    this.scratch = planScratch(this.config, 1, PROMPT_CHUNK);
    const problem = checkScratch(this.scratch, this.packed.plan.bytes);
    if (problem !== null) fail(problem.text, problem.field);
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
    release(<usize>this.at.descriptor, <u64>this.bytes);
    const entry = this.packed.tokenizer;
    if (entry !== null) release(this.tokenizerAt, entry.bytes);
  }

  /** Address of a scratch buffer. */
  scratchAt(field: i32): usize {
    return <usize>(this.at.scratch + this.scratch.offset(field));
  }

  /** Reserves [descriptor | layers | frequencies | scratch | weights] and writes all but the weights. */
  private place(): void {
    const config = this.config;
    // From 0 first, as the block's place is not known yet; blocks are whole pages, so it changes no alignment.
    this.bytes = placeModel(config, this.scratch.bytes, this.packed.plan.bytes, 0, -1).end;
    const base = reserve(<u64>this.bytes, "the model");
    if (failed()) return;
    const at = placeModel(config, this.scratch.bytes, this.packed.plan.bytes, base, -1).addresses;
    this.at = at;
    memory.fill(base, 0, <usize>at.weights - base);
    const out = new MemoryWriter();
    writeScratch(out, at.scratch, this.scratch);
    this.logits.open(config.vocabSize);
    writeModel(out, at, config, this.packed.plan, this.scratch.maxChunk, false);
    ropeFrequencies(
      config.ropeTheta,
      config.rotated,
      config.ropeFactor,
      config.ropeLow,
      config.ropeHigh,
      config.ropeOriginal,
      <usize>at.frequencies,
    );
  }

  private readTokenizer(source: Source): void {
    const entry = this.packed.tokenizer;
    if (entry === null) return;
    this.tokenizerAt = reserve(entry.bytes, "tokenizer.json");
    if (failed() || !source.read(entry.offset, this.tokenizerAt, <u32>entry.bytes)) return;
    this.packed.checksums.check(entry.offset, entry.offset + entry.bytes, this.tokenizerAt);
    if (failed()) return;
    const tokenizer = new Tokenizer();
    tokenizer.load(this.tokenizerAt, <u32>entry.bytes);
    this.tokenizer = tokenizer;
  }

  private readWeights(source: Source, progress: Progress | null): void {
    const total = <u64>this.packed.plan.end;
    for (let done: u64 = 0; done < total;) {
      const count = min(READ_BYTES, total - done);
      if (!source.read(this.packed.weightsOffset + done, <usize>this.at.weights + <usize>done, <u32>count)) {
        fail("cannot be read");
        return;
      }
      done += count;
      this.packed.checksums.check(this.packed.weightsOffset, this.packed.weightsOffset + done, <usize>this.at.weights);
      if (failed()) return;
      if (progress !== null) progress.update(done, total);
    }
  }
}
