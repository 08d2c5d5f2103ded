import { UsageError } from "../../src/errors.ts";
import type { ChatResult } from "../../src/chat/answer.ts";
import type { ChatBackend, ChatModel } from "../../src/chat/backend.ts";
import type { ChatMessage } from "../../src/chat/messages.ts";
import type { ChatOptions } from "../../src/chat/options.ts";
import type { GenerationResult } from "../../src/decode/generation.ts";
import type { GenerateOptions } from "../../src/decode/options.ts";
import { tokenList } from "../../src/decode/plain/prompt.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import type { FfnMode } from "../../src/engine/types.ts";
import type { GenerationDefaults } from "../../src/text/generation-defaults.ts";
import type { RenderOptions } from "../../src/text/render-template.ts";
import { Connection } from "./connection.ts";
import { locationOf } from "../../src/load/location.ts";
import { absoluteUrl } from "./files.ts";
import { BROWSER_LOAD_OPTIONS, type BrowserLoadOptions } from "./load.ts";
import { checkOptions, type OptionNames } from "../../src/options.ts";
import type { GenerationRequest, ModelInfo } from "./protocol.ts";
import { RemoteGeneration } from "./remote-generation.ts";
import { RemoteTokenizer } from "./remote-tokenizer.ts";

export interface WorkerLoadOptions extends BrowserLoadOptions {
  /** A worker that runs this package's worker.js, for pages that must start it themselves (another origin, a strict CSP). */
  readonly worker?: Worker;
  /** Ends loading; the worker is stopped. */
  readonly signal?: AbortSignal;
}

const NAMES = { ...BROWSER_LOAD_OPTIONS, worker: true, signal: true } satisfies OptionNames<WorkerLoadOptions>;

/** A model that lives in a Web Worker, so that the page stays responsive. */
export class WorkerModel implements ChatModel {
  readonly #connection: Connection;
  readonly #info: ModelInfo;
  readonly #tokenizer: RemoteTokenizer;
  #chats = 0;
  #ffn: FfnMode;

  /** @internal use `loadModelInWorker` */
  constructor(connection: Connection, info: ModelInfo, ffn: FfnMode) {
    this.#connection = connection;
    this.#info = info;
    this.#tokenizer = new RemoteTokenizer(connection);
    this.#ffn = ffn;
  }

  get name(): string {
    return this.#info.name;
  }

  get config(): ModelConfig {
    return this.#info.config;
  }

  /** Threads that it runs on, that of its worker included. */
  get threads(): number {
    return this.#info.threads;
  }

  /** Weight type, kernel tier, threads, whether text can be given and whether there is a draft head. */
  get info(): ModelInfo {
    return this.#info;
  }

  /** Whether inactive experts are skipped (`sparse`) or computed too (`dense`, for comparison): from the next step on. */
  get ffn(): FfnMode {
    return this.#ffn;
  }

  set ffn(mode: FfnMode) {
    this.#ffn = mode;
    this.#connection.post({ type: "ffn", mode });
  }

  /** How the model's makers want answers drawn; undefined when they do not say. `chat` goes by it, `generate` is greedy. */
  get generationDefaults(): GenerationDefaults | undefined {
    return this.#info.generationDefaults;
  }

  /** Whether the model says how it wants conversations written. */
  get hasChatTemplate(): boolean {
    return this.#info.hasChatTemplate;
  }

  /**
   * Continues a prompt, as `Model.generate` does, without a draft model: it would be in another thread. Wrong options show as errors of
   * the iteration and of `result()`.
   */
  generate(prompt: string | ArrayLike<number>, options: Omit<GenerateOptions, "draftModel"> = {}): RemoteGeneration {
    const { signal, ...posted } = options;
    return this.#run(signal, (id) => ({
      type: "generate",
      id,
      prompt: typeof prompt === "string" ? prompt : tokenList(prompt),
      options: posted,
    }));
  }

  /**
   * Answers a conversation, as `Model.chat` does, without a draft model. Wrong options and messages show as errors of the iteration and of
   * `result()`.
   */
  chat(messages: readonly ChatMessage[], options: Omit<ChatOptions, "draftModel"> = {}): RemoteGeneration<ChatResult> {
    return this.#answer(undefined, messages, options);
  }

  /** What `createChat` asks: the states of one conversation, kept in the worker. */
  openChat(): ChatBackend {
    const chat = this.#chats++;
    return {
      answer: (messages, options = {}) => this.#answer(chat, messages, options),
      close: () => this.#connection.post({ type: "closeChat", chat }),
    };
  }

  /** The text that the model reads for a conversation. */
  renderChat(messages: readonly ChatMessage[], options: RenderOptions = {}): Promise<string> {
    return this.#connection.value((id) => ({ type: "render", id, messages, options }));
  }

  /** Tokens of a text, with the special ones around it, or of a conversation, as the model reads it. */
  countTokens(what: string | readonly ChatMessage[], options: RenderOptions = {}): Promise<number> {
    return this.#connection.value((id) => ({ type: "count", id, what, options }));
  }

  /** The worker's tokenizer; undefined when the model has none. */
  get tokenizer(): RemoteTokenizer | undefined {
    return this.#info.hasTokenizer ? this.#tokenizer : undefined;
  }

  /** Token ids of a text, with the special tokens that tokenizer.json asks for. */
  encode(text: string): Promise<Uint32Array> {
    return this.#tokenizer.encode(text);
  }

  #answer(chat: number | undefined, messages: readonly ChatMessage[], options: ChatOptions): RemoteGeneration<ChatResult> {
    const { signal, draftModel, ...posted } = options;
    return this.#run<ChatResult>(signal, (id) => {
      if (draftModel !== undefined) throw new UsageError("cannot be in another thread than the model", { field: "draftModel" });
      return { type: "chat", id, chat, messages, options: posted };
    });
  }

  /** A generation of the worker. @param request makes the request that begins it */
  #run<R extends GenerationResult>(signal: AbortSignal | undefined, request: (id: number) => GenerationRequest): RemoteGeneration<R> {
    let id: number | undefined;
    const cancel = (): void => {
      if (id !== undefined) this.#connection.post({ type: "cancel", id });
    };
    return new RemoteGeneration<R>({
      start: (sink) => {
        const end = (): void => signal?.removeEventListener("abort", cancel);
        id = this.#connection.ask(
          {
            answer: (answer) => {
              if (answer.type === "pieces") return sink.pieces(answer.pieces);
              end();
              if (answer.type === "done") sink.done(answer.value as R);
            },
            failed: (error) => {
              end();
              sink.failed(error);
            },
          },
          request,
        );
        signal?.addEventListener("abort", cancel);
        if (signal?.aborted === true) cancel();
      },
      cancel,
    });
  }

  /** Stops the worker and frees the model; generations under way fail with a UsageError. */
  dispose(): void {
    this.#connection.close(new UsageError("the model is disposed; load it again"));
  }
}

/**
 * Loads a packed model in a Web Worker of its own.
 * @param location URL of a packed model, relative to the page
 * @throws as `loadModel` does: errors keep their class and fields.
 */
export async function loadModelInWorker(location: string | URL, options: WorkerLoadOptions = {}): Promise<WorkerModel> {
  checkOptions(options, NAMES, "loadModelInWorker");
  const { worker, signal, onProgress, ...posted } = options;
  signal?.throwIfAborted();
  const url = absoluteUrl(locationOf(location));
  const connection = new Connection(worker ?? new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "blockffn" }));
  const abort = (): void => connection.close(signal?.reason instanceof Error ? signal.reason : new UsageError("loading was cancelled"));
  signal?.addEventListener("abort", abort);
  try {
    const info = await connection.value<ModelInfo>((id) => ({ type: "load", id, location: url, options: posted }), onProgress);
    return new WorkerModel(connection, info, options.ffn ?? "sparse");
  } catch (error) {
    connection.close(error as Error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}
