import { createRandom } from "../../src/decode/sampling/rng.ts";
import { ConfigError } from "../../src/errors.ts";
import type { RowArrays } from "../model/gradients.ts";
import type { Corpus } from "./corpus.ts";

/**
 * Rows of a fixed length from a corpus: each epoch puts the documents into a new order, one after another, and cuts that into rows.
 * Row n is the same whenever it is asked for, so a resumed run goes on exactly where the last one was.
 */
export class RowSource {
  /** Rows of an epoch. */
  readonly rowsPerEpoch: number;
  readonly #corpus: Corpus;
  readonly #length: number;
  readonly #seed: number;
  #epoch = -1;
  readonly #tokens: Int32Array;
  /** Number of the document of each token of the epoch. */
  readonly #documents: Int32Array;

  /** @throws ConfigError when the corpus does not fill the rows of one step. */
  constructor(corpus: Corpus, length: number, rowsPerStep: number, seed: number) {
    this.#corpus = corpus;
    this.#length = length;
    this.#seed = seed;
    this.rowsPerEpoch = Math.floor((corpus.tokens.length - 1) / length);
    if (this.rowsPerEpoch < rowsPerStep) {
      throw new ConfigError(
        `the texts have ${corpus.tokens.length} tokens; one step takes ${rowsPerStep} rows of ${length}, ${rowsPerStep * length + 1}`,
        { field: "data.train" },
      );
    }
    this.#tokens = new Int32Array(corpus.tokens.length);
    this.#documents = new Int32Array(corpus.tokens.length);
  }

  /** Rows `first` to `first + count - 1` of the endless sequence, `[count, length]`. */
  rows(first: number, count: number): RowArrays {
    const length = this.#length;
    const size = count * length;
    const out = {
      ids: new Int32Array(size),
      targets: new Int32Array(size),
      segments: new Int32Array(size),
      weights: new Float32Array(size),
      follows: new Float32Array(size),
    };
    for (let row = 0; row < count; row++) this.#fill(first + row, row * length, out);
    return out;
  }

  #fill(row: number, to: number, out: RowArrays): void {
    const length = this.#length;
    this.#shuffle(Math.floor(row / this.rowsPerEpoch));
    const from = (row % this.rowsPerEpoch) * length;
    for (let i = 0; i < length; i++) {
      const document = this.#documents[from + i]!;
      out.ids[to + i] = this.#tokens[from + i]!;
      out.targets[to + i] = this.#tokens[from + i + 1]!;
      out.segments[to + i] = document;
      // What comes after a document's end is not for the model to guess.
      out.weights[to + i] = this.#documents[from + i + 1] === document ? 1 : 0;
      out.follows[to + i] = i > 0 && this.#documents[from + i - 1] === document ? 1 : 0;
    }
  }

  #shuffle(epoch: number): void {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    const { tokens, starts } = this.#corpus;
    const order = Int32Array.from({ length: starts.length - 1 }, (_, i) => i);
    const random = createRandom(this.#seed + epoch);
    // R. Fisher, F. Yates; backwards, as R. Durstenfeld, CACM 7(7), 1964.
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(random.float() * (i + 1));
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    let at = 0;
    order.forEach((document, n) => {
      const part = tokens.subarray(starts[document], starts[document + 1]);
      this.#tokens.set(part, at);
      this.#documents.fill(n, at, at + part.length);
      at += part.length;
    });
  }
}
