/** The first block is small, as most bodies are. */
const FIRST_BYTES = 4 << 10;
const BLOCK_BYTES = 64 << 10;

/** Bytes that come in pieces, kept in blocks: a body may come in a million pieces, and one that is given up leaves little behind. */
export class Blocks {
  readonly #blocks: Uint8Array<ArrayBuffer>[] = [];
  #size = 0;
  /** Bytes that all blocks can hold. */
  #room = 0;

  get size(): number {
    return this.#size;
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#size === this.#room) this.#add();
      const block = this.#blocks.at(-1)!;
      const from = block.length - (this.#room - this.#size);
      const part = bytes.subarray(at, at + block.length - from);
      block.set(part, from);
      at += part.length;
      this.#size += part.length;
    }
  }

  /** All of them, in one piece. */
  joined(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.#size);
    let at = 0;
    for (const block of this.#blocks) {
      all.set(block.subarray(0, this.#size - at), at);
      at += block.length;
    }
    return all;
  }

  #add(): void {
    const block = new Uint8Array(this.#room === 0 ? FIRST_BYTES : BLOCK_BYTES);
    this.#blocks.push(block);
    this.#room += block.length;
  }
}
