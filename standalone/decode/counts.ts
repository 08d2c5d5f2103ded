import { LoadedModel } from "../model/instance";
import { Sequence } from "../model/sequence";

/** Counts active experts: token-level sparsity (TLS) as src/sparsity/stats.ts has it, and experts of whole chunks. */
export class ExpertCounts {
  active: u64 = 0;
  places: u64 = 0;
  chunkExperts: u64 = 0;

  constructor(private model: LoadedModel) {}

  /** Adds one row of the last chunk. */
  addRow(sequence: Sequence, row: i32): void {
    const config = this.model.config;
    for (let layer = 0; layer < config.layers; layer++) {
      if (!config.hasExperts(layer)) continue;
      const at = sequence.active(layer, row);
      for (let w = 0; w < this.model.scratch.activeWords; w++) this.active += <u64>popcnt<u32>(load<u32>(at + ((<usize>w) << 2)));
      this.places += <u64>config.experts;
    }
  }

  /** Adds the experts that any of the last chunk's rows activated. @returns how many, over all layers */
  addChunk(sequence: Sequence, rows: i32): u64 {
    const config = this.model.config;
    const before = this.chunkExperts;
    for (let layer = 0; layer < config.layers; layer++) {
      for (let w = 0; w < this.model.scratch.activeWords; w++) {
        let union: u32 = 0;
        for (let row = 0; row < rows; row++) union |= load<u32>(sequence.active(layer, row) + ((<usize>w) << 2));
        this.chunkExperts += <u64>popcnt<u32>(union);
      }
    }
    return this.chunkExperts - before;
  }

  /** Share of inactive experts; NaN for dense models. */
  get tokenSparsity(): f64 {
    return this.places === 0 ? NaN : 1.0 - <f64>this.active / <f64>this.places;
  }
}
