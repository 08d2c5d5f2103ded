import * as L from "../../core/layout/scratch.ts";
import { alignUp } from "../../core/numbers.ts";
import type { ModelInstance } from "./instance.ts";

const FIELDS = {
  embed: L.TAP_EMBED,
  attn_out: L.TAP_ATTN_OUT,
  mlp_out: L.TAP_MLP_OUT,
  hidden: L.TAP_HIDDEN,
  router_raw: L.TAP_ROUTER_RAW,
  router_score: L.TAP_ROUTER_SCORE,
  ffn_input: L.TAP_FFN_INPUT,
} as const;

/** Copies of what forward calls of `rows` tokens compute on the way: for tests, benches and tools. Off again with `off`. */
export class Taps {
  readonly #model: ModelInstance;
  readonly #rows: number;
  readonly #at = new Map<keyof typeof FIELDS, number>();
  readonly #block: { readonly at: number; readonly bytes: number };
  #on = true;

  constructor(model: ModelInstance, rows: number) {
    this.#model = model;
    this.#rows = rows;
    const names = Object.keys(FIELDS) as (keyof typeof FIELDS)[];
    const sizes = names.map((name) => alignUp(model.config.layers * rows * this.#width(name) * 4 + 4, 64));
    const bytes = sizes.reduce((sum, size) => sum + size, alignUp(L.TAPS_BYTES, 64));
    const table = model.arena.allocate(bytes, "taps");
    this.#block = { at: table, bytes };
    let at = table + alignUp(L.TAPS_BYTES, 64);
    for (const [i, name] of names.entries()) {
      this.#at.set(name, at);
      at += sizes[i] as number;
    }
    const view = model.engine.view();
    for (const [name, at] of this.#at) view.setUint32(table + FIELDS[name], at, true);
    view.setUint32(model.addresses.scratch + L.SCRATCH_TAPS, table, true);
  }

  /** A copy of what the last call left in a tap for a layer: `[rows, width]`. */
  read(name: keyof typeof FIELDS, layer = 0): Float32Array {
    const width = this.#width(name);
    return this.#model.engine.f32((this.#at.get(name) as number) + layer * this.#rows * width * 4, this.#rows * width).slice();
  }

  /** Ends the taps and gives their memory back. */
  off(): void {
    if (!this.#on) return;
    this.#on = false;
    this.#model.arena.release(this.#block.at, this.#block.bytes);
    this.#model.engine.view().setUint32(this.#model.addresses.scratch + L.SCRATCH_TAPS, 0, true);
  }

  #width(name: keyof typeof FIELDS): number {
    const { config } = this.#model;
    if (!name.startsWith("router")) return config.hiddenSize;
    return config.ffn.kind === "experts" ? config.ffn.experts : 0;
  }
}
