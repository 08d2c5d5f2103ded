import { UsageError } from "../errors.ts";
import { countBits } from "./bits.ts";

/** Chunk lengths that CLS is counted for. */
export const CHUNK_LENGTHS = [2, 4, 8, 16, 32] as const;
export type ChunkLength = (typeof CHUNK_LENGTHS)[number];

/** Most experts of all layers together: bounds the memory. */
const MAX_EXPERTS = 1 << 24;

/** How many of `total` places were active. */
export interface ActiveCount {
  readonly active: number;
  readonly total: number;
}

/** Values are shares from 0 to 1; null where there was nothing to count. */
export interface SparsityResult {
  readonly tokens: number;
  /** Documents that were ended. */
  readonly documents: number;
  /** Token-level sparsity: mean share of inactive experts, over all tokens and layers. */
  readonly tls: number | null;
  readonly tlsPerLayer: readonly (number | null)[];
  readonly tlsCount: ActiveCount;
  /** Chunk-level sparsity: share of experts that no token of a chunk activates, over all chunks and layers. */
  readonly cls: Readonly<Record<ChunkLength, number | null>>;
  readonly clsCounts: Readonly<Record<ChunkLength, ActiveCount>>;
  /** Mean of |S_i and S_(i+1)| / |S_i| over neighbouring tokens of a document and layers; tokens without an active expert are left out. */
  readonly reuseRatio: number | null;
}

/**
 * Counts activation sparsity as the BlockFFN paper (arXiv 2507.08771) defines it: TLS, CLS_L over chunks of L tokens that
 * do not overlap and do not cross documents (what is left of a document at its end is not a chunk), reuse ratio.
 * Only integers are added up, so how a document is cut into calls does not change a bit of the result.
 */
export class SparsityCounter {
  readonly #layers: number;
  readonly #counted: readonly number[];
  readonly #experts: number;
  readonly #words: number;
  readonly #lastWord: number;
  /** Tokens of the document so far. */
  #position = 0;
  #tokens = 0;
  #documents = 0;
  readonly #active: Float64Array;
  /** Previous token's experts, and the union of each unfinished chunk: `[layers][words]` each. */
  readonly #previous: Uint32Array;
  readonly #unions: readonly Uint32Array[];
  readonly #chunks = CHUNK_LENGTHS.map(() => ({ active: 0, total: 0 }));
  /** By the size n of a token's set: how many pairs begin with such a token, and how many experts they share in all. */
  readonly #pairs: Float64Array;
  readonly #shared: Float64Array;

  /**
   * @param counted layers that have experts, ascending; all unless given. The others are in the masks, too, and are passed over
   * @throws UsageError unless layers and experts are positive integers with a product of at most 2^24.
   */
  constructor(layers: number, experts: number, counted?: readonly number[]) {
    for (const [field, value] of [
      ["layers", layers],
      ["experts", experts],
    ] as const) {
      if (!Number.isInteger(value) || value < 1) throw new UsageError("must be an integer, 1 or more", { field });
    }
    if (layers * experts > MAX_EXPERTS)
      throw new UsageError(`are more than ${MAX_EXPERTS} in all layers`, { field: "experts", limit: MAX_EXPERTS });
    this.#layers = layers;
    this.#counted = counted ?? Array.from({ length: layers }, (_, layer) => layer);
    this.#experts = experts;
    this.#words = Math.ceil(experts / 32);
    this.#lastWord = experts % 32 === 0 ? 0xffffffff : 2 ** (experts % 32) - 1;
    this.#active = new Float64Array(layers);
    this.#previous = new Uint32Array(layers * this.#words);
    this.#unions = CHUNK_LENGTHS.map(() => new Uint32Array(layers * this.#words));
    this.#pairs = new Float64Array(experts + 1);
    this.#shared = new Float64Array(experts + 1);
  }

  /**
   * Adds the next tokens of the document.
   * @param mask active experts `[layers][rows][ceil(experts / 32)]`, bit j of word w for expert 32 w + j
   * @returns active experts of these tokens, over all layers
   * @throws UsageError when the size does not fit.
   */
  addDocumentChunk(mask: Uint32Array, rows: number): number {
    const words = this.#words;
    if (!Number.isInteger(rows) || rows < 0) throw new UsageError("must be an integer, 0 or more", { field: "rows" });
    if (mask.length !== this.#layers * rows * words) {
      throw new UsageError(
        `has ${mask.length} words; ${this.#layers} layers x ${rows} rows x ${words} words are ${this.#layers * rows * words}`,
        { field: "mask" },
      );
    }
    let active = 0;
    for (const layer of this.#counted) {
      for (let row = 0; row < rows; row++) {
        active += this.#addToken(layer, mask, (layer * rows + row) * words, this.#position + row);
      }
    }
    this.#position += rows;
    this.#tokens += rows;
    return active;
  }

  /** The next tokens belong to another document. */
  endDocument(): void {
    if (this.#position > 0) this.#documents++;
    this.#position = 0;
    for (const union of this.#unions) union.fill(0);
  }

  result(): SparsityResult {
    const perLayer = this.#tokens * this.#experts;
    const tlsCount = { active: this.#active.reduce((sum, n) => sum + n, 0), total: perLayer * this.#counted.length };
    const byLength = <T>(value: (count: ActiveCount) => T): Record<ChunkLength, T> =>
      Object.fromEntries(CHUNK_LENGTHS.map((length, i) => [length, value({ ...this.#chunks[i]! })])) as Record<ChunkLength, T>;
    let pairs = 0;
    let ratios = 0;
    for (let n = 1; n <= this.#experts; n++) {
      pairs += this.#pairs[n]!;
      ratios += this.#shared[n]! / n;
    }
    return {
      tokens: this.#tokens,
      documents: this.#documents,
      tls: inactiveShare(tlsCount),
      tlsPerLayer: Array.from(this.#active, (active, layer) =>
        this.#counted.includes(layer) ? inactiveShare({ active, total: perLayer }) : null,
      ),
      tlsCount,
      cls: byLength(inactiveShare),
      clsCounts: byLength((count) => count),
      reuseRatio: pairs === 0 ? null : ratios / pairs,
    };
  }

  /** @returns how many experts of the layer are active */
  #addToken(layer: number, mask: Uint32Array, offset: number, position: number): number {
    const words = this.#words;
    const base = layer * words;
    let active = 0;
    let before = 0;
    let shared = 0;
    for (let w = 0; w < words; w++) {
      const word = mask[offset + w]! & (w === words - 1 ? this.#lastWord : 0xffffffff);
      active += countBits(word);
      before += countBits(this.#previous[base + w]!);
      shared += countBits(word & this.#previous[base + w]!);
      this.#previous[base + w] = word;
      for (const union of this.#unions) union[base + w]! |= word;
    }
    this.#active[layer]! += active;
    if (position > 0) {
      this.#pairs[before]!++;
      this.#shared[before]! += shared;
    }
    CHUNK_LENGTHS.forEach((length, i) => {
      if ((position + 1) % length !== 0) return;
      const union = this.#unions[i]!;
      const chunk = this.#chunks[i]!;
      for (let w = base; w < base + words; w++) chunk.active += countBits(union[w]!);
      chunk.total += this.#experts;
      union.fill(0, base, base + words);
    });
    return active;
  }
}

function inactiveShare({ active, total }: ActiveCount): number | null {
  return total === 0 ? null : 1 - active / total;
}
