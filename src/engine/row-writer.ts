import * as L from "../../core/layout/rows.ts";
import type { Engine } from "./engine.ts";

const WORDS = L.ROW_BYTES / 4;

/** The mask of a row whose tree is itself: a row of a chain. */
export const CHAIN_MASK = 1n;

/**
 * Writes the rows of a call (core/layout/rows.ts), and which of them need logits, into scratch. It is made where it is used, and nothing
 * takes
 * memory before it is dropped.
 */
export class RowWriter {
  readonly #rows: Uint32Array;
  readonly #list: Uint32Array;
  #count = 0;
  #listed = 0;

  /** @param rowsAt, listAt addresses of SCRATCH_ROWS and SCRATCH_LOGIT_ROWS, and how many will be written. */
  constructor(engine: Engine, rowsAt: number, rows: number, listAt: number, logitRows: number) {
    // eslint-disable-next-line no-restricted-syntax -- it lives as long as the writing
    this.#rows = engine.u32(rowsAt, rows * WORDS);
    // eslint-disable-next-line no-restricted-syntax -- as above
    this.#list = engine.u32(listAt, logitRows);
  }

  /** The next row: a token, the address of its sequence, its position, its place in the cache, and what it sees. */
  add(token: number, sequence: number, position: number, place: number, tree: number, mask: bigint): void {
    const rows = this.#rows;
    const at = this.#count++ * WORDS;
    rows[at + L.ROW_TOKEN / 4] = token;
    rows[at + L.ROW_SEQUENCE / 4] = sequence;
    rows[at + L.ROW_POSITION / 4] = position;
    rows[at + L.ROW_PLACE / 4] = place;
    rows[at + L.ROW_TREE / 4] = tree;
    const single = mask === CHAIN_MASK;
    rows[at + L.ROW_MASK / 4] = single ? 1 : Number(mask & 0xffff_ffffn);
    rows[at + L.ROW_MASK / 4 + 1] = single ? 0 : Number(mask >> 32n);
  }

  /** The next row that has logits, by its place in the call. */
  wantLogits(row: number): void {
    this.#list[this.#listed++] = row;
  }
}
