import type { ForwardResult, LoadedModel, Sequence } from "../../engine/types.ts";
import { expertLayers } from "../../architecture/config.ts";
import { SparsityCounter } from "../../sparsity/stats.ts";
import type { Tokenizer } from "../../text/tokenizer.ts";
import { NO_SPECULATION, type GenerationResult, type GenerationRun, type Piece, type SpeculationResult } from "../generation.ts";
import type { ResolvedOptions } from "../options.ts";
import { Output } from "./output.ts";
import { Pacer } from "../../pause.ts";
import { promptChunk } from "./prompt.ts";

const LAST = { logits: "last" } as const;

/** What plain and speculative decoding share: prompt, output, pauses, abort, times, the result. */
export abstract class Run implements GenerationRun {
  protected readonly model: LoadedModel;
  protected readonly prompt: Uint32Array;
  protected readonly options: ResolvedOptions;
  protected readonly capacity: number;
  protected readonly output: Output;
  protected readonly sparsity: SparsityCounter | undefined;
  protected readonly pacer: Pacer;
  protected sequence: Sequence | undefined;
  protected decodeMs = 0;
  /** What the piece of the token chosen last tells of its row. */
  protected told: Pick<Piece, "experts" | "logprobs"> | undefined;
  /** Plain steps: how many, their milliseconds, and active experts over all layers. */
  protected readonly steps = { count: 0, ms: 0, experts: 0 };
  /** Of the last one: its result, until the next forward call, and milliseconds. */
  protected stepResult: ForwardResult | undefined;
  protected stepMs = 0;
  /** Prompt and new tokens, for the repetition penalty. */
  readonly #history: number[];
  readonly #token = [0];
  #prefillMs = 0;
  /** Tokens of the prompt that were not in the sequence before. */
  #computed = 0;

  /** @param limit tokens that the KV cache may grow to; the prompt fits */
  constructor(model: LoadedModel, tokenizer: Tokenizer | undefined, prompt: Uint32Array, options: ResolvedOptions, limit: number) {
    this.model = model;
    this.pacer = new Pacer(model.pause);
    this.prompt = prompt;
    this.options = options;
    this.#history = options.sampler === undefined ? [] : Array.from(prompt);
    // The last new token is never computed, so it needs no place.
    this.capacity = Math.min(limit, prompt.length + options.maxTokens - 1);
    this.output = new Output(tokenizer, prompt, options, this.capacity, model.config.eosTokenIds);
    const { ffn, layers } = model.config;
    this.sparsity = ffn.kind === "experts" ? new SparsityCounter(layers, ffn.experts, expertLayers(model.config)) : undefined;
  }

  abstract pieces(): AsyncGenerator<Piece, void, void>;

  reserve(): Sequence {
    const { capacity, prompt } = this;
    return (this.sequence ??= this.options.kept?.take(prompt, capacity) ?? this.model.newSequence({ capacity }));
  }

  finish(failed = false): GenerationResult {
    this.output.finish ??= "aborted";
    if (this.sequence !== undefined) this.#leave(this.sequence, failed);
    this.sequence = undefined;
    const { text, tokens, finish } = this.output;
    return {
      text,
      tokens,
      promptTokens: this.prompt.length,
      finishReason: finish,
      eosTokenId: finish === "eos" ? (tokens.at(-1) ?? null) : null,
      stopText: finish === "stop" ? (this.options.stop?.stop ?? null) : null,
      seed: this.options.seed,
      prefillMs: this.#prefillMs,
      decodeMs: this.decodeMs,
      prefillTokensPerSecond: perSecond(this.#computed, this.#prefillMs),
      decodeTokensPerSecond: perSecond(tokens.length - 1, this.decodeMs),
      tls: this.sparsity?.result().tls ?? null,
      ...this.speculation(),
    };
  }

  /** Gives the sequence back, or up. Its rows are of the prompt and the new tokens; after a failure nobody knows of what. */
  #leave(sequence: Sequence, failed: boolean): void {
    const { kept } = this.options;
    if (kept === undefined) sequence.dispose();
    else kept.give(sequence, failed ? undefined : [...this.prompt, ...this.output.tokens]);
  }

  /** What speculation did. */
  protected speculation(): SpeculationResult {
    return NO_SPECULATION;
  }

  /**
   * The next token after a row that has logits: the likeliest, or drawn with the next random number. Chosen at once, since a
   * result dies with the next forward call of any sequence; in the order of the text.
   */
  protected choose(result: ForwardResult, row: number): number {
    const { sampler } = this.options;
    if (sampler === undefined) return result.argmax(row);
    const id = result.withLogits(row, (logits) => sampler.sample(logits, this.#history));
    this.#history.push(id);
    return id;
  }

  /**
   * Computes the prompt and chooses the first new token; undefined when aborted. `seen` gets each chunk while its result is alive, and the
   * time it took.
   */
  protected async prefill(
    sequence: Sequence,
    seen?: (chunk: Uint32Array, result: ForwardResult, ms: number) => void,
  ): Promise<number | undefined> {
    const most = promptChunk(this.model);
    const held = sequence.length;
    this.#computed = this.prompt.length - held;
    for (let at = held; ; at += most) {
      const start = performance.now();
      const chunk = this.prompt.subarray(at, at + most);
      const last = at + most >= this.prompt.length;
      const result = sequence.forward(chunk, { logits: last ? "last" : "none" });
      this.sparsity?.addDocumentChunk(result.activeExperts, result.rows);
      // Chosen first: a drafter may run the engine, and that ends the result.
      const id = last ? this.choose(result, 0) : undefined;
      seen?.(chunk, result, performance.now() - start);
      this.#prefillMs += performance.now() - start;
      if (last) return id;
      if (this.pacer.due) await this.pacer.pause();
      if (this.aborted()) return undefined;
    }
  }

  /** A plain step, the same with and without speculation: computes the last token and chooses the next. */
  protected step(sequence: Sequence, last: number): number {
    const start = performance.now();
    this.#token[0] = last;
    const result = sequence.forward(this.#token, LAST);
    this.stepResult = result;
    const { steps } = this;
    steps.experts += this.sparsity?.addDocumentChunk(result.activeExperts, 1) ?? 0;
    const id = this.choose(result, 0);
    const ms = performance.now() - start;
    steps.count++;
    steps.ms += ms;
    this.stepMs = ms;
    this.decodeMs += ms;
    return id;
  }

  /** Takes a new token, on the clock of decoding. `told`: what its piece says of the row that chose it. */
  protected accept(id: number, told: Pick<Piece, "experts" | "logprobs"> | undefined): Piece {
    const start = performance.now();
    const piece = this.output.accept(id);
    this.decodeMs += performance.now() - start;
    return told === undefined ? piece : { ...piece, ...told };
  }

  /** Do pieces tell their experts? */
  protected get tracing(): boolean {
    return this.options.experts && this.sparsity !== undefined;
  }

  protected aborted(): boolean {
    if (this.options.signal?.aborted === true) this.output.finish = "aborted";
    return this.output.finish === "aborted";
  }
}

function perSecond(count: number, ms: number): number {
  return count > 0 && ms > 0 ? (count * 1000) / ms : 0;
}
