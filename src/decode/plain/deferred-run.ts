import { NO_SPECULATION, type GenerationResult, type GenerationRun, type Piece } from "../generation.ts";

/** A run that is made when its first piece is asked for, because its prompt is still to be encoded. */
export class DeferredRun implements GenerationRun {
  readonly #open: () => Promise<GenerationRun | undefined>;
  readonly #seed: number;
  #run: GenerationRun | undefined;

  /** @param open gives the run; undefined when it was cancelled before there is one */
  constructor(open: () => Promise<GenerationRun | undefined>, seed: number) {
    this.#open = open;
    this.#seed = seed;
  }

  /** Nothing before the prompt is encoded: how much it needs is not known. */
  reserve(): void {
    this.#run?.reserve();
  }

  async *pieces(): AsyncGenerator<Piece, void, void> {
    this.#run = await this.#open();
    if (this.#run !== undefined) yield* this.#run.pieces();
  }

  finish(failed = false): GenerationResult {
    return (
      this.#run?.finish(failed) ?? {
        text: "",
        tokens: [],
        promptTokens: 0,
        finishReason: "aborted",
        eosTokenId: null,
        stopText: null,
        seed: this.#seed,
        prefillMs: 0,
        decodeMs: 0,
        prefillTokensPerSecond: 0,
        decodeTokensPerSecond: 0,
        tls: null,
        ...NO_SPECULATION,
      }
    );
  }
}
