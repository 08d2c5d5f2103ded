import { readFileSync } from "node:fs";
import { WEIGHT_Q4, WEIGHT_Q8, BLOCK_COLS, Q8_GROUP_BLOCKS } from "../../core/layout/matrix.ts";
import { PACKAGE_ROOT } from "../../host/node/index.ts";
import type { Tier } from "../../src/host.ts";

/** bench/tile/index.ts */
interface TileExports {
  tileQ4(blocks: number): void;
  tileQ8(groups: number, blocks: number): void;
}

/** Tokens and rows of a tile. */
const TILE = 4 * 8;
/** Blocks of a run: some tenths of a millisecond. */
const BLOCKS = 16384;

/** The bound of a product: a tile alone, from bench/dist (scripts/build-bench.mjs). */
export class BareTile {
  readonly #exports: TileExports;

  constructor(tier: "simd" | "relaxed") {
    const bytes = readFileSync(new URL(`bench/dist/tile.${tier}.wasm`, PACKAGE_ROOT));
    this.#exports = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as unknown as TileExports;
  }

  /** @returns its 10^9 multiply-adds a second at best, for matrices with so many columns; undefined for weights that have no tile */
  speed(type: number, cols: number, rounds: number): number | undefined {
    if (type !== WEIGHT_Q4 && type !== WEIGHT_Q8) return undefined;
    const blocks = Math.min(Q8_GROUP_BLOCKS, Math.ceil(cols / BLOCK_COLS));
    const { tileQ4, tileQ8 } = this.#exports;
    let least = Infinity;
    for (let round = 0; round < 10 * rounds; round++) {
      const start = performance.now();
      if (type === WEIGHT_Q4) tileQ4(BLOCKS);
      else tileQ8(BLOCKS / blocks, blocks);
      least = Math.min(least, performance.now() - start);
    }
    return (BLOCKS * BLOCK_COLS * TILE) / least / 1e6;
  }
}

/** The tile of a tier; `scalar` has none. */
export function bareTile(tier: Tier): BareTile | undefined {
  return tier === "scalar" ? undefined : new BareTile(tier);
}
