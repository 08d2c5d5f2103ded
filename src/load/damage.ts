import type { Engine } from "../engine/engine.ts";
import type { Checksums, Run } from "../format/packed/checksums.ts";

/** Compares the checksums of weights in the engine's memory. Goes along while they are read: one range is summed while the next comes. */
export class DamageCheck {
  readonly #engine: Engine;
  readonly #checksums: Checksums;
  /** In the order of the file. */
  readonly #runs: readonly Run[];
  readonly #shift: number;
  #next = 0;

  /** @param stretch of the file, from `start` on, that lies at address `at` */
  constructor(
    engine: Engine,
    checksums: Checksums,
    { start, bytes, at }: { readonly start: number; readonly bytes: number; readonly at: number },
  ) {
    this.#engine = engine;
    this.#checksums = checksums;
    this.#shift = at - start;
    this.#runs = checksums.runs
      .filter((run) => run.offset >= start && run.offset + run.bytes <= start + bytes)
      .sort((a, b) => a.offset - b.offset);
  }

  /** Checks the runs that end at or before `end` in the file, each once. @throws FormatError naming part and expert */
  upTo(end: number): void {
    for (let run = this.#runs[this.#next]; run !== undefined && run.offset + run.bytes <= end; run = this.#runs[++this.#next]) {
      this.#checksums.compare(run, this.#engine.exports.checksum(run.offset + this.#shift, run.bytes) >>> 0);
    }
  }
}
