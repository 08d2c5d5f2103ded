import { paddedRows } from "../../core/panel";
import { failed } from "../failure";
import { release, reserve } from "../memory";

/** Where calls leave their logits: room that grows with what is asked for, as src/engine/logits.ts has it. */
export class LogitRoom {
  private address: usize = 0;
  private rows: i32 = 0;
  private rowBytes: u64 = 0;

  /** For a vocabulary of this size. */
  open(vocabSize: i32): void {
    this.rowBytes = <u64>paddedRows(vocabSize) * 4;
  }

  /** Address of f32 [rows, vocab padded]; what a call left there may be lost. Fails when memory cannot grow. */
  reserve(rows: i32): usize {
    if (rows <= this.rows) return this.address;
    this.free();
    const at = reserve(<u64>rows * this.rowBytes, `the logits of ${rows} rows`);
    if (failed()) return 0;
    this.address = at;
    this.rows = rows;
    return at;
  }

  /** Address of the i-th row that the last call left. */
  at(i: i32): usize {
    return this.address + <usize>i * <usize>this.rowBytes;
  }

  free(): void {
    release(this.address, <u64>this.rows * this.rowBytes);
    this.address = 0;
    this.rows = 0;
  }
}
