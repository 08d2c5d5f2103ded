import { LimitError, UsageError } from "../errors.ts";
import type { ForwardResult, LoadedModel, Sequence } from "../model/types.ts";
import { SparsityCounter } from "../sparsity/stats.ts";
import type { StopMatcher } from "../text/stop.ts";
import { createDetokenizer, type Detokenizer } from "../text/stream.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { Generation, type FinishReason, type GenerationResult, type GenerationRun, type Piece } from "./generation.ts";
import { resolveOptions, type GenerateOptions, type ResolvedOptions } from "./options.ts";
import { Pacer } from "./pause.ts";
import type { Sampler } from "./sampler.ts";
import { encodePrompt } from "./prompt.ts";

/**
 * Continues a prompt, token by token. Options and prompt are checked at once; computing starts with the first piece.
 * The model may run other sequences meanwhile; it must not be disposed.
 * @param tokenizer undefined for models without one: then the prompt must be token ids and all text is empty.
 * @param prompt text (encoded with the special tokens that tokenizer.json asks for) or token ids (taken as they are).
 * @throws UsageError for wrong options, LimitError when the prompt does not fit the context.
 */
export function generate(
  model: LoadedModel, tokenizer: Tokenizer | undefined, prompt: string | ArrayLike<number>, options: GenerateOptions = {},
): Generation {
  const resolved = resolveOptions(options);
  if (tokenizer === undefined && resolved.stop !== undefined) {
    throw new UsageError("needs a tokenizer, and this model has none", { field: "stop" });
  }
  const ids = encodePrompt(prompt, tokenizer, model.config.vocabSize);
  return new Generation(new Run(model, tokenizer, ids, resolved, contextLimit(model, ids.length, resolved.context)));
}

/** Tokens that the KV cache may grow to. */
function contextLimit(model: LoadedModel, promptTokens: number, asked: number | undefined): number {
  const { contextLength } = model.config;
  if (asked !== undefined && asked > contextLength) {
    throw new UsageError(`is ${asked}, but ${model.name} was made for at most ${contextLength} tokens`, { field: "context", limit: contextLength });
  }
  const limit = asked ?? contextLength;
  if (promptTokens > limit) {
    throw new LimitError(`has ${promptTokens} tokens, but the context holds ${limit}; shorten it`, { field: "prompt", limit });
  }
  return limit;
}

class Run implements GenerationRun {
  readonly #model: LoadedModel;
  readonly #prompt: Uint32Array;
  readonly #options: ResolvedOptions;
  readonly #capacity: number;
  readonly #sampler: Sampler | undefined;
  readonly #detokenizer: Detokenizer | undefined;
  readonly #stop: StopMatcher | undefined;
  readonly #sparsity: SparsityCounter | undefined;
  readonly #pacer = new Pacer();
  /** Prompt and new tokens, for the repetition penalty. */
  readonly #history: number[];
  readonly #tokens: number[] = [];
  #text = "";
  #sequence: Sequence | undefined;
  #finish: FinishReason | undefined;
  #prefillMs = 0;
  #decodeMs = 0;

  constructor(model: LoadedModel, tokenizer: Tokenizer | undefined, prompt: Uint32Array, options: ResolvedOptions, limit: number) {
    this.#model = model;
    this.#prompt = prompt;
    this.#options = options;
    // The last new token is never computed, so it needs no place.
    this.#capacity = Math.min(limit, prompt.length + options.maxTokens - 1);
    this.#history = Array.from(prompt);
    this.#sampler = options.sampler;
    this.#detokenizer = tokenizer === undefined ? undefined : continueText(tokenizer, prompt);
    this.#stop = options.stop;
    const { ffn, layers } = model.config;
    this.#sparsity = ffn.kind === "experts" ? new SparsityCounter(layers, ffn.experts) : undefined;
  }

  async *pieces(): AsyncGenerator<Piece, void, void> {
    if (this.#aborted()) return;
    this.#sequence = this.#model.newSequence({ capacity: this.#capacity });
    let id = await this.#prefill(this.#sequence);
    while (id !== undefined) {
      yield this.#accept(id, this.#sequence);
      if (this.#finish !== undefined) return;
      if (this.#pacer.due) await this.#pacer.pause();
      if (this.#aborted()) return;
      const start = performance.now();
      id = this.#choose(this.#forward(this.#sequence, [id], "last"));
      this.#decodeMs += performance.now() - start;
    }
  }

  finish(): GenerationResult {
    this.#finish ??= "aborted";
    this.#sequence?.dispose();
    this.#sequence = undefined;
    return {
      text: this.#text,
      tokens: this.#tokens,
      promptTokens: this.#prompt.length,
      finishReason: this.#finish,
      seed: this.#options.seed,
      prefillMs: this.#prefillMs,
      decodeMs: this.#decodeMs,
      prefillTokensPerSecond: perSecond(this.#prompt.length, this.#prefillMs),
      decodeTokensPerSecond: perSecond(this.#tokens.length - 1, this.#decodeMs),
      tls: this.#sparsity?.result().tls ?? null,
    };
  }

  /** Computes the prompt and chooses the first new token; undefined when aborted. */
  async #prefill(sequence: Sequence): Promise<number | undefined> {
    const { maxChunk } = this.#model;
    for (let at = 0; ; at += maxChunk) {
      const start = performance.now();
      const chunk = this.#prompt.subarray(at, at + maxChunk);
      const last = at + maxChunk >= this.#prompt.length;
      const result = this.#forward(sequence, chunk, last ? "last" : "none");
      const id = last ? this.#choose(result) : undefined;
      this.#prefillMs += performance.now() - start;
      if (last) return id;
      if (this.#pacer.due) await this.#pacer.pause();
      if (this.#aborted()) return undefined;
    }
  }

  #forward(sequence: Sequence, tokens: ArrayLike<number>, logits: "last" | "none"): ForwardResult {
    const result = sequence.forward(tokens, { logits });
    this.#sparsity?.addDocumentChunk(result.activeExperts, result.rows);
    return result;
  }

  /** Chooses from a result at once: its views die with the next forward call of any sequence. */
  #choose(result: ForwardResult): number {
    return this.#sampler === undefined ? result.argmax(0) : this.#sampler.sample(result.logits(0), this.#history);
  }

  /** Takes a new token: its text, and whether it is the last one. */
  #accept(id: number, sequence: Sequence): Piece {
    const start = performance.now();
    const index = this.#tokens.push(id) - 1;
    this.#history.push(id);
    const eos = !this.#options.ignoreEos && this.#model.config.eosTokenIds.includes(id);
    // The end is no text, even where tokenizer.json does not call it special.
    let text = eos ? "" : (this.#detokenizer?.push(id) ?? "");
    if (this.#stop !== undefined) text = this.#stop.push(text);
    this.#finish = eos ? "eos" : this.#stop?.stopped === true ? "stop"
      : this.#tokens.length >= this.#options.maxTokens ? "length"
      : sequence.length >= this.#capacity ? "context" : undefined;
    if (this.#finish !== undefined && this.#finish !== "stop") text += this.#rest();
    this.#text += text;
    this.#decodeMs += performance.now() - start;
    return { text, id, index };
  }

  /** Text held back for more that will not come. */
  #rest(): string {
    const text = this.#detokenizer?.flush() ?? "";
    return this.#stop === undefined ? text : this.#stop.push(text) + this.#stop.flush();
  }

  #aborted(): boolean {
    if (this.#options.signal?.aborted === true) this.#finish = "aborted";
    return this.#finish === "aborted";
  }
}

/** After text, a leading space is part of the answer; after special tokens alone, the answer is the start of a text. */
function continueText(tokenizer: Tokenizer, prompt: Uint32Array): Detokenizer {
  return createDetokenizer(tokenizer, { continuation: prompt.some((id) => !tokenizer.specialIds.has(id)) });
}

function perSecond(count: number, ms: number): number {
  return count > 0 && ms > 0 ? (count * 1000) / ms : 0;
}
