import { UsageError } from "../../src/errors.ts";
import type { GenerationResult } from "../../src/decode/generation.ts";
import type { GenerateOptions } from "../../src/decode/options.ts";
import { tokenList } from "../../src/decode/plain/prompt.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import type { FfnMode } from "../../src/engine/types.ts";
import { Connection } from "./connection.ts";
import { locationOf } from "../../src/load/location.ts";
import { absoluteUrl } from "./files.ts";
import { BROWSER_LOAD_OPTIONS, type BrowserLoadOptions } from "./load.ts";
import { checkOptions, type OptionNames } from "../../src/options.ts";
import type { ModelInfo } from "./protocol.ts";
import { RemoteGeneration } from "./remote-generation.ts";

export interface WorkerLoadOptions extends BrowserLoadOptions {
  /** A worker that runs this package's worker.js, for pages that must start it themselves (another origin, a strict CSP). */
  readonly worker?: Worker;
  /** Ends loading; the worker is stopped. */
  readonly signal?: AbortSignal;
}

const NAMES = { ...BROWSER_LOAD_OPTIONS, worker: true, signal: true } satisfies OptionNames<WorkerLoadOptions>;

/** A model that lives in a Web Worker, so that the page stays responsive. */
export class WorkerModel {
  readonly #connection: Connection;
  readonly #info: ModelInfo;
  #ffn: FfnMode;

  /** @internal use `loadModelInWorker` */
  constructor(connection: Connection, info: ModelInfo, ffn: FfnMode) {
    this.#connection = connection;
    this.#info = info;
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

  /**
   * Continues a prompt, as `Model.generate` does, without a draft model: it would be in another thread. Wrong options show as errors of
   * the iteration and of `result()`.
   */
  generate(prompt: string | ArrayLike<number>, options: Omit<GenerateOptions, "draftModel"> = {}): RemoteGeneration {
    const { signal, ...posted } = options;
    let id: number | undefined;
    const cancel = (): void => {
      if (id !== undefined) this.#connection.post({ type: "cancel", id });
    };
    return new RemoteGeneration({
      start: (sink) => {
        const end = (): void => signal?.removeEventListener("abort", cancel);
        id = this.#connection.ask(
          {
            answer: (answer) => {
              if (answer.type === "pieces") return sink.pieces(answer.pieces);
              end();
              if (answer.type === "done") sink.done(answer.value as GenerationResult);
            },
            failed: (error) => {
              end();
              sink.failed(error);
            },
          },
          (id) => ({ type: "generate", id, prompt: typeof prompt === "string" ? prompt : tokenList(prompt), options: posted }),
        );
        signal?.addEventListener("abort", cancel);
        if (signal?.aborted === true) cancel();
      },
      cancel,
    });
  }

  /** Token ids of a text, with the special tokens that tokenizer.json asks for. */
  encode(text: string): Promise<Uint32Array> {
    return this.#connection.value((id) => ({ type: "encode", id, text }));
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
