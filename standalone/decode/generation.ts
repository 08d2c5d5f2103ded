import { Bytes } from "../bytes";
import { fail, failed } from "../failure";
import { LoadedModel } from "../model/instance";
import { Sequence } from "../model/sequence";
import { StopMatcher } from "../text/stop";
import { TextStream } from "../text/stream";
import { ExpertCounts } from "./counts";
import { Decisions } from "./decisions";
import { KeptSequence } from "./kept";
import { MAX_NODES, NgramDrafter } from "./ngram";
import { GenerateOptions, SPECULATE_NGRAM } from "./options";
import { Sampler } from "./sampler";

export const FINISH_NONE: i32 = 0;
export const FINISH_LENGTH: i32 = 1;
export const FINISH_EOS: i32 = 2;
export const FINISH_CONTEXT: i32 = 3;
export const FINISH_STOP: i32 = 4;
export const FINISH_NAMES: string[] = ["aborted", "length", "eos", "context", "stop"];

/** Milliseconds from any fixed point. */
export type Clock = () => f64;

/** Continues a prompt token by token: `next` until it gives false. Mirrors src/decode/plain/run.ts, speculative.ts and output.ts. */
export class Generation {
  /** Text that the last token brought. */
  piece: Bytes = new Bytes();
  /** The last token. */
  id: i32 = -1;
  finish: i32 = FINISH_NONE;
  produced: i32 = 0;
  prefillMs: f64 = 0;
  decodeMs: f64 = 0;
  rounds: i32 = 0;
  /** Tokens of the prompt that were not there already. */
  computed: i32 = 0;
  drafted: i32 = 0;
  accepted: i32 = 0;
  counts: ExpertCounts;
  decisions: Decisions = new Decisions();
  /** Prompt and chosen tokens, also those that are not given out yet. */
  private history: Bytes = new Bytes();
  private promptTokens: i32 = 0;
  private capacity: i32 = 0;
  private sequence: Sequence;
  private sampler: Sampler | null = null;
  private stream: TextStream | null = null;
  private stop: StopMatcher | null = null;
  /** Text of the last token that the stop matcher has not seen yet. */
  private raw: Bytes = new Bytes();
  private drafter: NgramDrafter | null = null;
  /** Verified tokens that are not given out yet, the last one first. */
  private waiting: Bytes = new Bytes();
  private broken: bool = false;
  private path: StaticArray<i32> = new StaticArray<i32>(MAX_NODES);

  /** @param kept what the prompt begins with may be there already; the sequence goes back to it in the end */
  constructor(
    public model: LoadedModel,
    private options: GenerateOptions,
    private now: Clock,
    private kept: KeptSequence | null = null,
  ) {
    this.sequence = new Sequence(model);
    this.counts = new ExpertCounts(model);
  }

  /** Takes the prompt's ids. Fails naming what is wrong with prompt or options. */
  begin(prompt: Bytes): void {
    const options = this.options;
    const config = this.model.config;
    this.promptTokens = prompt.ints;
    this.history.append(prompt.at, prompt.length);
    options.check();
    if (prompt.ints === 0) fail("is empty; give at least one token", "prompt");
    if (prompt.ints > config.contextLength) {
      fail(`has ${prompt.ints} tokens, but the context holds ${config.contextLength}; shorten it`, "prompt");
    }
    let special = true;
    const tokenizer = this.model.tokenizer;
    for (let i = 0; i < prompt.ints && !failed(); i++) {
      const id = prompt.int(i);
      if (id < 0 || id >= config.vocabSize) {
        fail(`holds ${id} at place ${i}; token ids of this model go from 0 to ${config.vocabSize - 1}`, "prompt");
      }
      if (special && tokenizer !== null && !tokenizer.isSpecial(id)) special = false;
    }
    // The last new token is never computed, so it needs no place.
    this.capacity = <i32>min(<i64>config.contextLength, <i64>prompt.ints + options.maxTokens - 1);
    if (failed()) return;
    const kept = this.kept;
    if (kept !== null) this.sequence = kept.take(prompt, this.capacity);
    else this.sequence.open(this.capacity);
    if (failed()) return;
    this.computed = prompt.ints - this.sequence.length;
    if (tokenizer !== null) this.stream = new TextStream(tokenizer, !special);
    if (options.stops.length > 0) {
      if (tokenizer === null) return fail("needs a tokenizer, and this model has none", "stop");
      this.stop = new StopMatcher(options.stops, tokenizer);
    }
    if (!options.greedy) this.sampler = new Sampler(options, config.vocabSize);
    if (options.speculate === SPECULATE_NGRAM) this.drafter = new NgramDrafter();
  }

  /** Computes the next token into `id` and `piece`; false at the end, or after a failure. */
  next(): bool {
    if (this.finish !== FINISH_NONE || failed()) return false;
    if (this.broken) {
      fail("failed before and cannot go on; begin another one", "generation");
      return false;
    }
    const start = this.now();
    const first = this.produced === 0;
    const id = first ? this.prefill() : this.waiting.length > 0 ? this.takeWaiting() : this.decode();
    const computed = this.now();
    // What was computed is neither kept nor given out, so nothing can go on from here.
    this.broken = failed();
    if (this.broken) return false;
    if (first) this.prefillMs += computed - start;
    this.accept(id);
    this.decodeMs += this.now() - (first ? computed : start);
    return true;
  }

  /** Whether it cannot go on. */
  get failed(): bool {
    return this.broken;
  }

  /** Gives the sequence back, or frees it; what was generated can still be read. */
  release(): void {
    const kept = this.kept;
    if (kept !== null && !this.broken && this.sequence.isOpen) kept.give(this.sequence, this.history);
    else this.sequence.free();
    this.sequence = new Sequence(this.model);
  }

  free(): void {
    this.release();
    this.history.free();
    this.piece.free();
    this.raw.free();
    this.waiting.free();
  }

  /** Experts of a round's chunk, mean over rounds and layers; NaN without rounds or for dense models. */
  get expertsPerChunk(): f64 {
    const config = this.model.config;
    return this.rounds === 0 || config.experts === 0 ? NaN : <f64>this.counts.chunkExperts / <f64>this.rounds / <f64>config.expertLayers;
  }

  /** The stop text that ended it; null when something else did. */
  get stopText(): string | null {
    const stop = this.stop;
    return this.finish === FINISH_STOP && stop !== null ? this.options.stops[stop.found] : null;
  }

  get promptLength(): i32 {
    return this.promptTokens;
  }

  /** A new token; ids from 0. */
  token(i: i32): i32 {
    return this.history.int(this.promptTokens + i);
  }

  private prefill(): i32 {
    const sequence = this.sequence;
    const most = this.model.scratch.maxChunk;
    let at = sequence.length;
    while (true) {
      const n = min(most, this.promptTokens - at);
      const last = at + n >= this.promptTokens;
      sequence.forward(this.history.at + ((<usize>at) << 2), n, last);
      if (failed()) return -1;
      for (let row = 0; row < n; row++) this.counts.addRow(sequence, row);
      if (last) return this.choose(0);
      at += most;
    }
  }

  private decode(): i32 {
    const drafter = this.drafter;
    if (drafter !== null) return this.round(drafter);
    this.sequence.forward(this.lastToken, 1, true);
    if (failed()) return -1;
    this.counts.addRow(this.sequence, 0);
    return this.choose(0);
  }

  /** Where the last token lies. */
  private get lastToken(): usize {
    return this.history.at + ((<usize>(this.history.ints - 1)) << 2);
  }

  /** The next token after the i-th row that has logits. Called in the order of the text: the sampler draws a number each time. */
  private choose(i: i32): i32 {
    const sampler = this.sampler;
    const id = sampler === null ? this.sequence.argmax(i) : sampler.sample(this.sequence.logits(i), this.history);
    if (!failed()) this.history.pushInt(id);
    return id;
  }

  /** Runs a draft tree as one chunk and keeps the path that the model confirms (src/decode/speculative/verify.ts). */
  private round(drafter: NgramDrafter): i32 {
    const sequence = this.sequence;
    // Plain decoding would go on, so there is a place for the root at least.
    const room = min(min(this.capacity - sequence.length, this.model.scratch.maxChunk), MAX_NODES);
    const start = this.now();
    const nodes = drafter.propose(this.history, room);
    const drafted = this.now();
    const tokens = changetype<usize>(drafter.tokens);
    if (nodes === 1) sequence.forward(tokens, 1, true);
    else sequence.forwardTree(tokens, drafter.parents, nodes);
    if (failed()) return -1;
    const experts = this.counts.addChunk(sequence, nodes);
    const emitted = new StaticArray<i32>(MAX_NODES);
    let length = 0;
    for (let node = 0; node >= 0 && !failed(); length++) {
      const id = this.choose(node);
      this.path[length] = node;
      emitted[length] = id;
      let child = node + 1;
      while (child < nodes && (drafter.parents[child] !== node || drafter.tokens[child] !== id)) child++;
      node = child < nodes ? child : -1;
    }
    if (failed()) return -1;
    this.rounds++;
    this.drafted += nodes - 1;
    this.accepted += length - 1;
    this.noteRows(emitted, length);
    if (length < nodes) sequence.keep(changetype<usize>(this.path), length);
    this.decisions.add(room, nodes, drafter.depth(nodes), length, drafted - start, this.now() - drafted, experts);
    for (let i = length - 1; i >= 0; i--) this.waiting.pushInt(emitted[i]);
    return this.takeWaiting();
  }

  /** Counts the experts of the rows that plain decoding would have computed too, before the chunk is gone. */
  private noteRows(emitted: StaticArray<i32>, length: i32): void {
    const most = this.options.maxTokens - this.produced;
    for (let i = 0; i < min(length, most); i++) {
      this.counts.addRow(this.sequence, this.path[i]);
      if (this.ends(emitted[i])) return;
    }
  }

  private ends(id: i32): bool {
    return !this.options.ignoreEos && this.model.config.eosTokens.includes(id);
  }

  private takeWaiting(): i32 {
    this.waiting.length -= 4;
    return load<i32>(this.waiting.at + this.waiting.length);
  }

  private accept(id: i32): void {
    this.id = id;
    this.piece.clear();
    const index = this.produced++;
    const eos = this.ends(id);
    const stream = this.stream;
    if (!eos && stream !== null) this.show(stream, id);
    const stop = this.stop;
    if (eos) this.finish = FINISH_EOS;
    else if (stop !== null && stop.stopped) this.finish = FINISH_STOP;
    else if (this.produced >= this.options.maxTokens) this.finish = FINISH_LENGTH;
    // The cache then holds the prompt and all new tokens but this one.
    else if (this.promptTokens + index >= this.capacity) this.finish = FINISH_CONTEXT;
    if (this.finish !== FINISH_NONE && this.finish !== FINISH_STOP && stream !== null) this.rest(stream);
  }

  /** The text of a token that is certain now. */
  private show(stream: TextStream, id: i32): void {
    const stop = this.stop;
    const tokenizer = this.model.tokenizer;
    if (stop === null) return stream.push(id, this.piece);
    if (tokenizer !== null && tokenizer.isSpecial(id)) return stop.pushSpecial(id, this.piece);
    this.raw.clear();
    stream.push(id, this.raw);
    stop.push(this.raw, this.piece);
  }

  /** Text held back for more that will not come. */
  private rest(stream: TextStream): void {
    const stop = this.stop;
    if (stop === null) return stream.flush(this.piece);
    this.raw.clear();
    stream.flush(this.raw);
    stop.push(this.raw, this.piece);
    if (!stop.stopped) stop.flush(this.piece);
  }
}
