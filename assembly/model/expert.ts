import { ACTIVATION_SILU } from "../../core/layout/kinds";
import { PANEL_ROWS, WEIGHT_Q4 } from "../../core/layout/matrix";
import {
  LAYER_EXPERT_NORM,
  MODEL_EXPERTS,
  MODEL_EXPERT_ACTIVATION,
  MODEL_EXPERT_GATED,
  MODEL_EXPERT_SIZE,
  MODEL_EXPERT_STRIDE,
  MODEL_EXPERT_TYPE,
  MODEL_RMS_EPS,
} from "../../core/layout/model";
import { SCRATCH_BRANCH, SCRATCH_EXPERT_ROWS, SCRATCH_GATE, SCRATCH_PICKED, SCRATCH_UNION } from "../../core/layout/scratch";
import { rmsNorm, scale, siluMul, siluScale } from "../kernels";
import { Activations, Product } from "../kernels/product";
import { hasMatmulsQ4, matmulsQ4 } from "../kernels/turns";
import { activation } from "./activation";
import { float, int, padded, ptr } from "./descriptor";
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
  if (!hasMatmulsQ4() || isGated(p) || int(p.model, MODEL_EXPERT_TYPE) !== WEIGHT_Q4) return false;
  if (ptr(p.model, MODEL_EXPERT_STRIDE) < TURNS_BYTES) return false;
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

/**
 * score * act(up(x)) of expert i of the union, or score * act(gate(x)) * up(x), for its tokens, quantised for the way down: hidden rows
 * from `place` on.
 */
export function up(p: Pass, layer: usize, weights: usize, i: i32, place: i32, scores: usize): void {
  const rows = pairRows(p, place);
  const type = int(p.model, MODEL_EXPERT_TYPE);
  if (isGated(p)) multiply(type, inProduct(p, matrices(p, weights, i), i, gateRows(p, place, rows), rows.xStride));
  multiply(type, inProduct(p, upMatrix(p, weights, i), i, rows.x, rows.xStride));
  activate(p, layer, i, place, rows, scores);
}

/** The way down of expert i of the union, from its hidden rows at `place`: panels first..last - 1 of rows yi of y, or added to them. */
export function down(p: Pass, weights: usize, i: i32, place: i32, first: i32, last: i32, y: usize, yi: usize, accumulate: bool): void {
  const size = int(p.model, MODEL_EXPERT_SIZE);
  const type = int(p.model, MODEL_EXPERT_TYPE);
  const row = first * PANEL_ROWS;
  const w = upMatrix(p, weights, i) + matrixBytes(type, size, p.hidden) + matrixBytes(type, row, size);
  const product = p.product.weights(w, min(p.hidden, last * PANEL_ROWS) - row, size).of(pairRows(p, place), p.iota, tokenCount(p, i));
  multiply(type, product.into(y + ((<usize>row) << 2), p.hiddenStride, yi, accumulate));
}

/** `up` of expert i and `down` of the one before it, their matrices read in turns. Both have their own hidden rows. */
export function upAndDown(p: Pass, layer: usize, weights: usize, i: i32, scores: usize, sum: bool): void {
  const size = int(p.model, MODEL_EXPERT_SIZE);
  const before = i - 1;
  const low = p.second.weights(upMatrix(p, weights, before) + matrixBytes(WEIGHT_Q4, size, p.hidden), p.hidden, size);
  low.of(pairsAt(p, p.before, tokensOf(p, before)), p.iota, tokenCount(p, before));
  low.into(outOf(p, before, sum), p.hiddenStride, outRows(p, before, sum), sum);
  const rows = pairRows(p, tokensOf(p, i));
  matmulsQ4(inProduct(p, upMatrix(p, weights, i), i, rows.x, rows.xStride), low);
  activate(p, layer, i, tokensOf(p, i), rows, scores);
}

/** A matrix of expert i of the union that reads its tokens' rows, into rows at `y`. */
function inProduct(p: Pass, w: usize, i: i32, y: usize, yStride: usize): Product {
  const product = p.product.weights(w, int(p.model, MODEL_EXPERT_SIZE), p.hidden);
  return product.of(p.input, tokenList(p, i), tokenCount(p, i)).into(y, yStride, p.iota, false);
}

/** The hidden rows of expert i: norm (NormSiLU, arXiv 2605.10933), activation, score, quantised. */
function activate(p: Pass, layer: usize, i: i32, place: i32, rows: Activations, scores: usize): void {
  const size = int(p.model, MODEL_EXPERT_SIZE);
  const n = tokenCount(p, i);
  const tokens = tokenList(p, i);
  const score = scores + <usize>(expertOf(p, i) << 2);
  const scoreStride = (<usize>padded(int(p.model, MODEL_EXPERTS))) << 2;
  const norm = ptr(layer, LAYER_EXPERT_NORM);
  const kind = int(p.model, MODEL_EXPERT_ACTIVATION);
  const gated = isGated(p);
  const gates = gateRows(p, place, rows);
  for (let k = 0; k < n; k++) {
    const t = <usize>load<u32>(tokens + (k << 2));
    const hidden = rows.x + <usize>k * rows.xStride;
    const input = gated ? gates + <usize>k * rows.xStride : hidden;
    if (norm !== 0) rmsNorm(input, norm, size, float(p.model, MODEL_RMS_EPS), input);
    activateRow(kind, input, hidden, gated, size, load<f32>(score + t * scoreStride));
  }
  quantizeRows(rows, int(p.model, MODEL_EXPERT_TYPE), 0, n, size);
}

/** hidden = act(input) * s, or act(input) * hidden * s. */
function activateRow(kind: i32, input: usize, hidden: usize, gated: bool, size: i32, s: f32): void {
  if (kind !== ACTIVATION_SILU) {
    for (let c = 0; c < size; c++) {
      const at = c << 2;
      const value = activation(kind, load<f32>(input + at)) * s;
      store<f32>(hidden + at, gated ? value * load<f32>(hidden + at) : value);
    }
  } else if (gated) {
    siluMul(input, hidden, size);
    scale(hidden, size, s, hidden);
  } else {
    siluScale(hidden, size, s);
  }
}

/** Rows of the gates that go with hidden rows from `place` on. */
function gateRows(p: Pass, place: i32, rows: Activations): usize {
  return ptr(p.scratch, SCRATCH_GATE) + <usize>place * rows.xStride;
}

// @ts-ignore: decorator
@inline
function isGated(p: Pass): bool {
  return int(p.model, MODEL_EXPERT_GATED) !== 0;
}

function expertOf(p: Pass, i: i32): i32 {
  return int(ptr(p.scratch, SCRATCH_UNION) + (i << 3), 0);
}

function tokenCount(p: Pass, i: i32): i32 {
  return tokensOf(p, i + 1) - tokensOf(p, i);
}

function tokenList(p: Pass, i: i32): usize {
  return ptr(p.scratch, SCRATCH_PICKED) + ((<usize>tokensOf(p, i)) << 2);
}

/** Where expert i's way up begins: behind its gate, if there is one. */
function upMatrix(p: Pass, weights: usize, i: i32): usize {
  const gate = isGated(p) ? matrixBytes(int(p.model, MODEL_EXPERT_TYPE), int(p.model, MODEL_EXPERT_SIZE), p.hidden) : 0;
  return matrices(p, weights, i) + gate;
}

/** The matrices of expert i: gate if there is one, up, down. */
function matrices(p: Pass, weights: usize, i: i32): usize {
  return weights + <usize>expertOf(p, i) * ptr(p.model, MODEL_EXPERT_STRIDE);
}
