import type { LoadedModel, Sequence } from "../../src/engine/types.ts";
import type { RowArrays } from "../model/gradients.ts";

/** Hidden states of a frozen model for token rows, from the engine: each document of a row is a context of its own. */
export class HiddenStates {
  readonly #model: LoadedModel;
  readonly #sequence: Sequence;

  /** @param length most tokens of a row */
  constructor(model: LoadedModel, length: number) {
    this.#model = model;
    this.#sequence = model.newSequence({ capacity: length });
  }

  /** States after the final norm, `[rows * length, hidden]`. */
  of({ ids, segments }: RowArrays, length: number): Float32Array {
    const width = this.#model.config.hiddenSize;
    const out = new Float32Array(ids.length * width);
    for (let start = 0; start < ids.length;) {
      const rowEnd = start - (start % length) + length;
      let end = start + 1;
      while (end < rowEnd && segments[end] === segments[start]) end++;
      this.#document(ids, start, end, out, width);
      start = end;
    }
    return out;
  }

  #document(ids: Int32Array, start: number, end: number, out: Float32Array, width: number): void {
    this.#sequence.truncate(0);
    const { maxChunk } = this.#model;
    for (let at = start; at < end; at += maxChunk) {
      const chunk = ids.subarray(at, Math.min(end, at + maxChunk));
      const result = this.#sequence.forward(chunk, { logits: "none" });
      for (let row = 0; row < chunk.length; row++) out.set(result.hidden(row), (at + row) * width);
    }
  }

  dispose(): void {
    this.#sequence.dispose();
  }
}
