/// <reference lib="esnext.disposable" preserve="true" />
import { evaluate, type EvaluateOptions, type Evaluation } from "./decode/evaluate.ts";
import { generate } from "./decode/generate.ts";
import type { Generation } from "./decode/generation.ts";
import type { GenerateOptions } from "./decode/options.ts";
import { answerChat, ChatSession, type Answering } from "./chat/session.ts";
import type { ChatGeneration } from "./chat/answer.ts";
import type { ChatBackend, ChatModel } from "./chat/backend.ts";
import { checkMessages, type ChatMessage } from "./chat/messages.ts";
import type { ChatOptions } from "./chat/options.ts";
import { UsageError } from "./errors.ts";
import { checkOptions } from "./options.ts";
import { ChatFormat } from "./text/chat.ts";
import type { GenerationDefaults } from "./text/generation-defaults.ts";
import { RENDER_OPTIONS, type RenderOptions } from "./text/render-template.ts";
import { loadTokenizer } from "./text/load-tokenizer.ts";
import type { Tokenizer } from "./text/tokenizer.ts";
import type { ModelConfig } from "./architecture/config.ts";
import type { FfnMode, LoadedModel, Sequence, SequenceOptions } from "./engine/types.ts";

// `using` finds these where the runtime has it; elsewhere they are only private names.
const DISPOSE: typeof Symbol.dispose = (Symbol.dispose ?? Symbol("dispose")) as typeof Symbol.dispose;
const ASYNC_DISPOSE: typeof Symbol.asyncDispose = (Symbol.asyncDispose ?? Symbol("asyncDispose")) as typeof Symbol.asyncDispose;

/** A loaded model with its tokenizer: what every host's `loadModel` gives. */
export class Model implements ChatModel, Disposable, AsyncDisposable {
  /** Weights and engine, for those who run tokens themselves. */
  readonly loaded: LoadedModel;
  #tokenizer: Tokenizer | undefined;
  #answering: Answering | undefined;

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

  /**
   * Answers a conversation, as the model's chat template has it: iterate the result for its pieces. What the options do not say is as the
   * model's makers want it (`generationDefaults`). `createChat` keeps the state from turn to turn; here all is computed.
   * @throws UsageError for wrong options or messages, or when the model has no tokenizer; TokenizerError for a template that cannot be
   * read.
   */
  chat(messages: readonly ChatMessage[], options: ChatOptions = {}): ChatGeneration {
    return answerChat(this.#chat(), messages, options);
  }

  /** What `createChat` asks: the states of one conversation, answered one after the other. */
  openChat(): ChatBackend {
    return new ChatSession(this.#chat());
  }

  /** The text that the model reads for a conversation. @throws UsageError, TokenizerError as `chat` does. */
  renderChat(messages: readonly ChatMessage[], options: RenderOptions = {}): string {
    checkOptions(options, RENDER_OPTIONS, "renderChat");
    return this.#chat().format.render(checkMessages(messages), options);
  }

  /**
   * Tokens of a text, with the special ones around it, or of a conversation, as the model reads it.
   * @throws UsageError, TokenizerError as `chat` does.
   */
  countTokens(what: string | readonly ChatMessage[], options: RenderOptions = {}): number {
    checkOptions(options, RENDER_OPTIONS, "countTokens");
    const { tokenizer, format } = this.#chat();
    return typeof what === "string" ? tokenizer.count(what) : format.encode(checkMessages(what), options).length;
  }

  /**
   * How the model's makers want answers drawn (`generation_config.json`); undefined when they do not say. `chat` goes by it, `generate`
   * is greedy.
   * @throws ConfigError
   */
  get generationDefaults(): GenerationDefaults | undefined {
    return this.loaded.generationDefaults;
  }

  /**
   * Whether the model says how it wants conversations written; without, `chat` goes on with the contents of all messages, one a line.
   * @throws TokenizerError
   */
  get hasChatTemplate(): boolean {
    return this.loaded.chatTemplate !== undefined;
  }

  #chat(): Answering {
    if (this.#answering !== undefined) return this.#answering;
    const { loaded, tokenizer } = this;
    if (tokenizer === undefined)
      throw new UsageError("this model has no tokenizer.json: use generate with token ids", { field: "messages" });
    return (this.#answering = { loaded, tokenizer, format: new ChatFormat(tokenizer, loaded.chatTemplate) });
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
