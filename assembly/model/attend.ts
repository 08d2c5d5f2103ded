import { MODEL_SOFTMAX_SCALE } from "../../core/layout/model";
import { HEADS_TOGETHER, ROW_MASK, ROW_SEQUENCE, ROW_TREE, SEQ_CAPACITY, SEQ_SCORES } from "../../core/layout/rows";
import { attentionMix, attentionMix2, attentionScores, attentionScores2, softmax } from "../kernels";
import { threadIndex } from "../team";
import { float, int, ptr } from "./descriptor";
import { Pass, rowAt } from "./pass";

/**
 * The queries of `count` heads of row t over the cache rows it sees: all before its tree, then those of the tree that its mask names,
 * ascending. Scores are kept without gaps, so the arithmetic depends on how many rows are seen, not on where they lie.
 */
export function attend(
  p: Pass,
  t: i32,
  q: usize,
  qStride: usize,
  count: i32,
  keys: usize,
  values: usize,
  stride: usize,
  keyDim: i32,
  valueDim: i32,
  out: usize,
  outStride: usize,
): void {
  const scale = float(p.model, MODEL_SOFTMAX_SCALE);
  const row = rowAt(p, t);
  const sequence = ptr(row, ROW_SEQUENCE);
  const scoresStride = (<usize>int(sequence, SEQ_CAPACITY)) << 2;
  const scores = ptr(sequence, SEQ_SCORES) + <usize>(threadIndex() * HEADS_TOGETHER) * scoresStride;
  const tree = int(row, ROW_TREE);
  const mask = load<u64>(row + ROW_MASK);
  // Nodes from the tree's first one on lie behind what all of it sees: a chain is one run.
  const leading = runLength(mask);
  const first = tree + leading;
  const branch = clearRun(mask, 0, leading);
  scoreRun(count, q, qStride, keys, stride, first, keyDim, scale, scores, scoresStride);
  let seen = first;
  for (let rest = branch; rest !== 0;) {
    const at = <i32>ctz(rest);
    const run = runLength(rest >> at);
    scoreRun(count, q, qStride, keys + <usize>(tree + at) * stride, stride, run, keyDim, scale, scores + (seen << 2), scoresStride);
    seen += run;
    rest = clearRun(rest, at, run);
  }
  for (let i = 0; i < count; i++) {
    softmax(scores + <usize>i * scoresStride, seen);
    memory.fill(out + <usize>i * outStride, 0, (<usize>valueDim) << 2);
  }
  mixRun(count, scores, scoresStride, values, stride, first, valueDim, out, outStride);
  seen = first;
  for (let rest = branch; rest !== 0;) {
    const at = <i32>ctz(rest);
    const run = runLength(rest >> at);
    mixRun(count, scores + (seen << 2), scoresStride, values + <usize>(tree + at) * stride, stride, run, valueDim, out, outStride);
    seen += run;
    rest = clearRun(rest, at, run);
  }
}

function scoreRun(
  heads: i32,
  q: usize,
  qStride: usize,
  keys: usize,
  stride: usize,
  count: i32,
  dim: i32,
  scale: f32,
  scores: usize,
  scoresStride: usize,
): void {
  if (heads === 2) attentionScores2(q, qStride, keys, stride, count, dim, scale, scores, scoresStride);
  else attentionScores(q, keys, stride, count, dim, scale, scores);
}

function mixRun(
  heads: i32,
  weights: usize,
  weightsStride: usize,
  values: usize,
  stride: usize,
  count: i32,
  dim: i32,
  out: usize,
  outStride: usize,
): void {
  if (heads === 2) attentionMix2(weights, weightsStride, values, stride, count, dim, out, outStride);
  else attentionMix(weights, values, stride, count, dim, out);
}

/** Ones at the low end of `bits`. */
function runLength(bits: u64): i32 {
  return bits === u64.MAX_VALUE ? 64 : <i32>ctz(~bits);
}

function clearRun(bits: u64, at: i32, run: i32): u64 {
  const end = at + run;
  return end >= 64 ? 0 : bits & (u64.MAX_VALUE << end);
}

/** Where the cache of row t's sequence holds a head: the `head`-th over all layers, of rows of so many bytes. */
export function cacheHead(p: Pass, t: i32, field: i32, head: i32, rowBytes: usize): usize {
  const sequence = ptr(rowAt(p, t), ROW_SEQUENCE);
  return ptr(sequence, field) + <usize>head * <usize>int(sequence, SEQ_CAPACITY) * rowBytes;
}
