import { WordWriter } from "../../core/descriptor.ts";

/** Writes words into linear memory, little-endian. */
export class ViewWriter extends WordWriter {
  readonly #view: DataView;

  constructor(memory: WebAssembly.Memory) {
    super();
    this.#view = new DataView(memory.buffer);
  }

  u32(address: number, value: number): void {
    this.#view.setUint32(address, value, true);
  }

  f32(address: number, value: number): void {
    this.#view.setFloat32(address, value, true);
  }
}
