import { TEAM_READ_AHEAD } from "../../../core/layout/team";
import { team } from "../../team";
import { Product } from "../product";
import { TOKEN_SUMS } from "./sums";

// What the panel kernels share: scales, and the end of a row.

/** Four bf16 at p + offset as f32. */
// @ts-ignore: decorator
@inline
export function scale4(p: usize, offset: usize): v128 {
  return i32x4.shl(v128.load_ext<u16>(p + offset), 16);
}

/** a + the sums of pairs of products of 16-bit lanes. */
// @ts-ignore: decorator
@inline
export function dotAdd(a: v128, w: v128, x: v128): v128 {
  return i32x4.add(a, i32x4.dot_i16x8_s(w, x));
}

/** f + a * s for a block's integer sums. */
// @ts-ignore: decorator
@inline
export function accumulator(f: v128, a: v128, s: v128): v128 {
  return f32x4.add(f, f32x4.mul(f32x4.convert_i32x4_s(a), s));
}

/** Stores or adds four finished rows. */
// @ts-ignore: decorator
@inline
export function finish(y: usize, offset: usize, f: v128, s: v128, accumulate: bool): void {
  const out = f32x4.mul(f, s);
  v128.store(y + offset, accumulate ? f32x4.add(v128.load(y + offset), out) : out);
}

/** Stores or adds sixteen finished rows. */
// @ts-ignore: decorator
@inline
export function finish4(y: usize, f0: v128, f1: v128, f2: v128, f3: v128, s: v128, accumulate: bool): void {
  finish(y, 0, f0, s, accumulate);
  finish(y, 16, f1, s, accumulate);
  finish(y, 32, f2, s, accumulate);
  finish(y, 48, f3, s, accumulate);
}

/** The high bytes of 16-bit lanes. */
// @ts-ignore: decorator
@inline
export function high(q: v128): v128 {
  return i16x8.shr_u(q, 8);
}

/** Start value of a q8 group of `blocks` blocks: -128 times the sum of its activations (the stored sums are times -8). */
// @ts-ignore: decorator
@inline
export function startQ8(sums: usize, blocks: i32): v128 {
  let sum = load<i32>(sums);
  for (let b = 1; b < blocks; b++) sum += load<i32>(sums + (b << 2));
  return i32x4.splat(sum << 4);
}

/** `accumulator` for a sum in memory (sums.ts). */
// @ts-ignore: decorator
@inline
export function addScaled(sums: usize, offset: usize, a: v128, s: v128): void {
  v128.store(sums + offset, accumulator(v128.load(sums + offset), a, s));
}

/** Stores or adds a panel's rows of tokens t..t + 3 from their sums, `shift` bytes into each row of the output. */
export function finishTile(product: Product, t: i32, shift: usize, sums: usize): void {
  for (let i = t; i < t + 4; i++) {
    const s = f32x4.splat(product.scale(i));
    const y = product.out(i) + shift;
    finish4(y, v128.load(sums), v128.load(sums, 16), v128.load(sums, 32), v128.load(sums, 48), s, product.accumulate);
    sums += TOKEN_SUMS;
  }
}

// WebAssembly has no prefetch, but an out-of-order core runs ahead of loads that nobody waits for. So before a block is computed,
// one word of each cache line of the next block is loaded; and where the next block enters a new 4 KiB page, at which hardware
// prefetchers stop, its first eight lines together. Some processors gain a fifth by it, others lose as much: the host measures and
// switches it (src/load/read-ahead.ts; bench/RESULTS.md, "reading ahead").

/** Switches reading ahead on (1) or off (0), for all threads: it lies in the memory that they share, which starts as 0. */
export function setReadAhead(on: i32): void {
  store<i32>(team() + TEAM_READ_AHEAD, on);
}

/** Touches the 512 bytes that follow the block of 512 bytes at p. */
// @ts-ignore: decorator
@inline
export function readAhead512(p: usize): i32 {
  if (load<i32>(team() + TEAM_READ_AHEAD) === 0) return 0;
  const next = p + 512;
  return newPage(p, next) | touch4(next) | touch4(next + 256);
}

/** Touches the 288 bytes that follow the block of 288 bytes at p. */
// @ts-ignore: decorator
@inline
export function readAhead288(p: usize): i32 {
  if (load<i32>(team() + TEAM_READ_AHEAD) === 0) return 0;
  const next = p + 288;
  return newPage(p, next) | touch4(next) | load<i32>(next, 256);
}

// @ts-ignore: decorator
@inline
function newPage(p: usize, next: usize): i32 {
  if (((p ^ next) & 4096) === 0) return 0;
  const page = next & ~4095;
  return touch4(page) | touch4(page + 256);
}

/** Loads one word of each of four cache lines. */
// @ts-ignore: decorator
@inline
function touch4(p: usize): i32 {
  return load<i32>(p) | load<i32>(p, 64) | load<i32>(p, 128) | load<i32>(p, 192);
}

let _sink: i32 = 0;

/** Keeps what was read ahead alive, so that the loads are not optimised away. */
export function keep(value: i32): void {
  _sink = value;
}
