import { SparsityCounter } from "../../dist/browser/blockffn.js";

const CHUNK = 8;

function bits(word) {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count++;
  return count;
}
const count = (mask) => mask.reduce((sum, word) => sum + bits(word), 0);

/** Follows a generation: what each token uses, and the paper's TLS and CLS over all so far. */
export class Sparsity {
  #total;
  #counter;
  #last = [];

  constructor({ layers, experts }) {
    this.#total = layers * experts;
    this.#counter = new SparsityCounter(layers, experts);
  }

  /**
   * @returns active experts of this token; its sparsity; that of the last eight tokens together (undefined before); TLS and CLS_8 so far
   */
  add(mask) {
    this.#counter.addDocumentChunk(mask, 1);
    this.#last = [...this.#last, mask].slice(-CHUNK);
    const active = count(mask);
    const union = mask.map((_, i) => this.#last.reduce((word, other) => word | other[i], 0));
    const { tls, cls } = this.#counter.result();
    const share = (n) => 1 - n / this.#total;
    return {
      active,
      total: this.#total,
      token: share(active),
      chunk: this.#last.length < CHUNK ? undefined : share(count(union)),
      tls,
      cls: cls[CHUNK],
    };
  }
}
