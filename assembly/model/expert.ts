import {
  MODEL_EXPERTS, MODEL_EXPERT_SIZE, MODEL_EXPERT_STRIDE, MODEL_EXPERT_TYPE, PANEL_ROWS, SCRATCH_BRANCH, SCRATCH_EXPERT_ROWS, SCRATCH_PICKED,
  SCRATCH_UNION, WEIGHT_Q4,
} from "../../core/layout";
import { siluScale } from "../kernels";
import { Activations, Product } from "../kernels/product";
import { hasMatmulsQ4, matmulsQ4 } from "../kernels/turns";
import { int, padded, ptr } from "./descriptor";
import { matrixBytes, multiply, quantizeRows } from "./matrix";
import { pairRows, pairsAt, Pass } from "./pass";

/** Most tokens that matmulsQ4 takes. */
const TOKENS_IN_TURNS = 2;
/**
 * Bytes of an expert from which on turns are taken: they cost at 9 and 55 KB and pay at 216 and 288 KB (bench/RESULTS.md, "What paid, and
 * what did not").
 */
const TURNS_BYTES: usize = 131072;

/** Where the tokens of expert i of the union start in SCRATCH_PICKED: also the place of its hidden rows. */
// @ts-ignore: decorator
@inline
export function tokensOf(p: Pass, i: i32): i32 {
  return int(ptr(p.scratch, SCRATCH_UNION) + (i << 3), 4);
}

/**
 * Whether to read the matrices of neighbours in the union in turns: where most experts are skipped, nearly every one begins a new run of
 * addresses.
 */
export function wantTurns(p: Pass, picked: i32, count: i32): bool {
  if (!hasMatmulsQ4() || int(p.model, MODEL_EXPERT_TYPE) !== WEIGHT_Q4 || ptr(p.model, MODEL_EXPERT_STRIDE) < TURNS_BYTES) return false;
  return p.n <= TOKENS_IN_TURNS && 2 * picked <= count;
}

/** Where what expert i adds goes: to its tokens' rows of SCRATCH_BRANCH (`sum`), or to rows of its own. */
export function outOf(p: Pass, i: i32, sum: bool): usize {
  return sum ? ptr(p.scratch, SCRATCH_BRANCH) : ptr(p.scratch, SCRATCH_EXPERT_ROWS) + <usize>tokensOf(p, i) * p.hiddenStride;
}

/** The list of those rows. */
export function outRows(p: Pass, i: i32, sum: bool): usize {
  return sum ? tokenList(p, i) : p.iota;
}

/** score * silu(up(x)) of expert i of the union, for its tokens, quantised for the way down: hidden rows from `place` on. */
export function up(p: Pass, weights: usize, i: i32, place: i32, scores: usize): void {
  const rows = pairRows(p, place);
  multiply(int(p.model, MODEL_EXPERT_TYPE), upProduct(p, weights, i, rows));
  activate(p, i, rows, scores);
}

/** The way down of expert i of the union, from its hidden rows at `place`: panels first..last - 1 of rows yi of y, or added to them. */
export function down(p: Pass, weights: usize, i: i32, place: i32, first: i32, last: i32, y: usize, yi: usize, accumulate: bool): void {
  const size = int(p.model, MODEL_EXPERT_SIZE);
  const type = int(p.model, MODEL_EXPERT_TYPE);
  const row = first * PANEL_ROWS;
  const w = matrices(p, weights, i) + matrixBytes(type, size, p.hidden) + matrixBytes(type, row, size);
  const product = p.product.weights(w, min(p.hidden, last * PANEL_ROWS) - row, size).of(pairRows(p, place), p.iota, tokenCount(p, i));
  multiply(type, product.into(y + (<usize>row << 2), p.hiddenStride, yi, accumulate));
}

/** `up` of expert i and `down` of the one before it, their matrices read in turns. Both have their own hidden rows. */
export function upAndDown(p: Pass, weights: usize, i: i32, scores: usize, sum: bool): void {
  const size = int(p.model, MODEL_EXPERT_SIZE);
  const before = i - 1;
  const low = p.second.weights(matrices(p, weights, before) + matrixBytes(WEIGHT_Q4, size, p.hidden), p.hidden, size);
  low.of(pairsAt(p, p.before, tokensOf(p, before)), p.iota, tokenCount(p, before));
  low.into(outOf(p, before, sum), p.hiddenStride, outRows(p, before, sum), sum);
  const rows = pairRows(p, tokensOf(p, i));
  matmulsQ4(upProduct(p, weights, i, rows), low);
  activate(p, i, rows, scores);
}

/** The way up of expert i of the union, for its tokens, into its hidden rows. */
function upProduct(p: Pass, weights: usize, i: i32, rows: Activations): Product {
  const product = p.product.weights(matrices(p, weights, i), int(p.model, MODEL_EXPERT_SIZE), p.hidden);
  return product.of(p.input, tokenList(p, i), tokenCount(p, i)).into(rows.x, rows.xStride, p.iota, false);
}

/** The hidden rows of expert i: silu, score, quantised. */
function activate(p: Pass, i: i32, rows: Activations, scores: usize): void {
  const size = int(p.model, MODEL_EXPERT_SIZE);
  const n = tokenCount(p, i);
  const tokens = tokenList(p, i);
  const score = scores + <usize>(expertOf(p, i) << 2);
  const scoreStride = <usize>padded(int(p.model, MODEL_EXPERTS)) << 2;
  for (let k = 0; k < n; k++) {
    const t = <usize>load<u32>(tokens + (k << 2));
    siluScale(rows.x + <usize>k * rows.xStride, size, load<f32>(score + t * scoreStride));
  }
  quantizeRows(rows, int(p.model, MODEL_EXPERT_TYPE), 0, n, size);
}

function expertOf(p: Pass, i: i32): i32 {
  return int(ptr(p.scratch, SCRATCH_UNION) + (i << 3), 0);
}

function tokenCount(p: Pass, i: i32): i32 {
  return tokensOf(p, i + 1) - tokensOf(p, i);
}

function tokenList(p: Pass, i: i32): usize {
  return ptr(p.scratch, SCRATCH_PICKED) + (<usize>tokensOf(p, i) << 2);
}

/** The matrices of expert i: up, then down. */
function matrices(p: Pass, weights: usize, i: i32): usize {
  return weights + <usize>expertOf(p, i) * ptr(p.model, MODEL_EXPERT_STRIDE);
}
