import { SCRATCH_ROUTING } from "../../core/layout/scratch.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";

/** Makes a model use given experts, whatever its router says: how a trace drives a model with random weights. */
export class ImposedRouting {
  readonly #model: ModelInstance;
  readonly #at: number;
  readonly #words: number;

  /** Room for chunks of up to the model's longest. */
  constructor(model: ModelInstance) {
    this.#model = model;
    this.#words = model.config.layers * model.maxChunk * model.scratch.activeWords;
    this.#at = model.arena.allocate(this.#words * 4, "imposed routing");
  }

  /** Experts of the next chunks, `[layers][rows][words]` as `ForwardResult.activeExperts` has them. The chunks must have as many rows. */
  set(masks: Uint32Array): void {
    if (masks.length > this.#words) throw new RangeError(`${masks.length} words of routing; there is room for ${this.#words}`);
    this.#model.engine.u32(this.#at, masks.length).set(masks);
    this.#point(this.#at);
  }

  /** The router decides again. */
  off(): void {
    this.#point(0);
  }

  #point(at: number): void {
    new DataView(this.#model.engine.memory.buffer).setUint32(this.#model.addresses.scratch + SCRATCH_ROUTING, at, true);
  }
}
