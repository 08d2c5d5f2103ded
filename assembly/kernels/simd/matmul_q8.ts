import { BLOCK_COLS, PANEL_ROWS, Q8_BLOCK_BYTES, Q8_GROUP_BLOCKS, Q8_HEAD_BYTES } from "../../../core/layout/matrix";
import { mask00ff } from "./constants";
import { accumulator, dotAdd, finish4, high, keep, readAhead512, scale4, startQ8 } from "./panel";
import { panel4 } from "./tile_q8";
import { Product } from "../product";

// Of the four bytes of a row and quad, masking leaves columns 0 and 1 as 16-bit lanes and shifting columns 2 and 3, both as 0..255; the
// offset of 128 is taken away by starting each group at -128 times the sum of its activations.

/**
 * SIMD form of scalar/matmul_q8.ts: same bits. A lane is a row; a panel's weights are unpacked once for four tokens or for one
 * (for two, registers are too few: slower than twice one).
 */
export function matmulQ8(p: Product): void {
  const blocks = (p.cols + BLOCK_COLS - 1) / BLOCK_COLS;
  const groups = (blocks + Q8_GROUP_BLOCKS - 1) / Q8_GROUP_BLOCKS;
  const panelBytes = <usize>groups * Q8_HEAD_BYTES + <usize>blocks * Q8_BLOCK_BYTES;
  let w = p.w;
  let ahead = 0;
  for (let first = 0; first < p.rows; first += PANEL_ROWS) {
    const column = (<usize>first) << 2;
    let t = 0;
    for (; t + 4 <= p.n; t += 4) panel4(w, blocks, p, t, column);
    for (; t < p.n; t++) ahead |= panel1(w, blocks, p.quantised(t), p.sums(t), p.scale(t), p.out(t) + column, p.accumulate);
    w += panelBytes;
  }
  keep(ahead);
}

// One token. Waits for memory, so it reads ahead (panel.ts). Returns what it read, so that nobody drops it.
function panel1(w: usize, blocks: i32, x: usize, sums: usize, scale: f32, y: usize, accumulate: bool): i32 {
  const low = mask00ff();
  let f0 = f32x4.splat(0);
  let f1 = f0;
  let f2 = f0;
  let f3 = f0;
  let ahead = 0;
  while (blocks > 0) {
    const count = min(blocks, Q8_GROUP_BLOCKS);
    let a0 = startQ8(sums, count);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let p = w + Q8_HEAD_BYTES;
    const end = p + count * Q8_BLOCK_BYTES;
    while (p < end) {
      ahead |= readAhead512(p);
      const stop = x + BLOCK_COLS * 2;
      while (x < stop) {
        const u = v128.load32_splat(x);
        const v = v128.load32_splat(x, 4);
        let q = v128.load(p);
        a0 = dotAdd(dotAdd(a0, v128.and(low, q), u), high(q), v);
        q = v128.load(p, 16);
        a1 = dotAdd(dotAdd(a1, v128.and(low, q), u), high(q), v);
        q = v128.load(p, 32);
        a2 = dotAdd(dotAdd(a2, v128.and(low, q), u), high(q), v);
        q = v128.load(p, 48);
        a3 = dotAdd(dotAdd(a3, v128.and(low, q), u), high(q), v);
        p += 64;
        x += 8;
      }
    }
    f0 = accumulator(f0, a0, scale4(w, 0));
    f1 = accumulator(f1, a1, scale4(w, 8));
    f2 = accumulator(f2, a2, scale4(w, 16));
    f3 = accumulator(f3, a3, scale4(w, 24));
    w = end;
    sums += count << 2;
    blocks -= count;
  }
  finish4(y, f0, f1, f2, f3, f32x4.splat(scale), accumulate);
  return ahead;
}
