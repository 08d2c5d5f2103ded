/// <reference lib="esnext.disposable" preserve="true" />
import { evaluate, type EvaluateOptions, type Evaluation } from "./decode/evaluate.ts";
import { generate } from "./decode/generate.ts";
import type { Generation } from "./decode/generation.ts";
import type { GenerateOptions } from "./decode/options.ts";
import { loadTokenizer } from "./text/load-tokenizer.ts";
import type { Tokenizer } from "./text/tokenizer.ts";
import type { ModelConfig } from "./architecture/config.ts";
import type { FfnMode, LoadedModel, Sequence, SequenceOptions } from "./engine/types.ts";

// `using` finds these where the runtime has it; elsewhere they are only private names.
const DISPOSE: typeof Symbol.dispose = (Symbol.dispose ?? Symbol("dispose")) as typeof Symbol.dispose;
const ASYNC_DISPOSE: typeof Symbol.asyncDispose = (Symbol.asyncDispose ?? Symbol("asyncDispose")) as typeof Symbol.asyncDispose;

/** A loaded model with its tokenizer: what every host's `loadModel` gives. */
export class Model implements Disposable, AsyncDisposable {
  /** Weights and engine, for those who run tokens themselves. */
  readonly loaded: LoadedModel;
  #tokenizer: Tokenizer | undefined;

  /** Takes over `loaded`: disposing the model disposes it. */
  constructor(loaded: LoadedModel) {
    this.loaded = loaded;
  }

  /**
   * undefined when the model has no tokenizer.json: prompts are then token ids. It is made when it is first used, here or by
   * `generate` and `evaluate`: that takes longer than the rest of loading a small model.
   * @throws TokenizerError for a tokenizer.json that cannot be used; token ids can still be run through `newSequence`.
   */
  get tokenizer(): Tokenizer | undefined {
    const json = this.loaded.tokenizerJson;
    return (this.#tokenizer ??= json === undefined ? undefined : loadTokenizer(json, "tokenizer.json"));
  }

  get name(): string {
    return this.loaded.name;
  }

  get config(): ModelConfig {
    return this.loaded.config;
  }

  /** Threads that it runs on. */
  get threads(): number {
    return this.loaded.threads;
  }

  /** Whether inactive experts are skipped (`sparse`) or computed too (`dense`, for comparison). */
  get ffn(): FfnMode {
    return this.loaded.ffn;
  }

  set ffn(mode: FfnMode) {
    this.loaded.ffn = mode;
  }

  /**
   * Continues a prompt (text, or token ids taken as they are): iterate the result for its pieces. Any number may run at once.
   * @throws UsageError for wrong options, LimitError when the prompt does not fit the context.
   */
  generate(prompt: string | ArrayLike<number>, options: GenerateOptions = {}): Generation {
    return generate(this.loaded, this.tokenizer, prompt, options);
  }

  /** Perplexity and sparsity on a text whose documents stand between `<|endoftext|>`. */
  async evaluate(text: string, options: EvaluateOptions = {}): Promise<Evaluation> {
    return evaluate(this.loaded, this.tokenizer, text, options);
  }

  /** A sequence to run tokens through by hand; dispose it when done. */
  newSequence(options: SequenceOptions = {}): Sequence {
    return this.loaded.newSequence(options);
  }

  /** Frees the weights. Sequences and generations of the model end with an error when used afterwards. */
  dispose(): void {
    this.loaded.dispose();
  }

  [DISPOSE](): void {
    this.dispose();
  }

  async [ASYNC_DISPOSE](): Promise<void> {
    this.dispose();
  }
}
