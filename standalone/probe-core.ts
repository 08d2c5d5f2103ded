// For test/core alone: every function of core/, as this compiler makes it. The results lie in `out`, f64 or text, as the test makes them in
// TypeScript.
import { Architecture } from "../core/architecture";
import { CachePlan, writeCache } from "../core/cache";
import { finishChecksum, firstLane, joinLanes, LANES, round, tailByte, tailWord } from "../core/checksum";
import { Addresses, WordWriter, writeModel } from "../core/descriptor";
import { FiniteSearch, finitePart } from "../core/finite";
import { alignUp, ceilDivide, floorDivide } from "../core/numbers";
import { matrixBytes, paddedRows, panelBytes, scaleGroups, scaleStride } from "../core/panel";
import { placeModel } from "../core/placement";
import { planDraft, planModel, WeightPlan } from "../core/plan";
import { digits } from "../core/problem";
import { exp } from "../core/sampling/exp";
import { Bits64, randomFromSeed, splitMix64 } from "../core/sampling/rng";
import { TokenSampler } from "../core/sampling/sampler";
import { checkScratch, planScratch, writeScratch } from "../core/scratch";
import { kthLargest } from "../core/sampling/select";
import { readConfig } from "./format/packed";
import { JsonReader } from "./format/json";
import { out } from "./probe-output";
export { failure, outputAt, outputLength, releasePages, reservePages } from "./probe-output";

let architecture = new Architecture();

function put(value: f64): void {
  const bits = reinterpret<u64>(value);
  out.pushInt(<i32>bits);
  out.pushInt(<i32>(bits >> 32));
}

export function sizes(type: i32, rows: f64, cols: f64): void {
  out.clear();
  put(ceilDivide(rows, cols));
  put(floorDivide(rows, cols));
  put(alignUp(rows, cols));
  put(paddedRows(rows));
  put(panelBytes(type, cols));
  put(scaleGroups(type, cols));
  put(scaleStride(type));
  put(matrixBytes(type, rows, cols));
  out.appendText(digits(rows * cols));
}

/** The parts of a checksum. */
export function checksum(a: i32, b: i32, length: f64): void {
  out.clear();
  for (let lane = 0; lane < LANES; lane++) put(firstLane(lane));
  put(round(a, b));
  put(joinLanes(a, b, a ^ b, a + b, length));
  put(tailWord(a, b));
  put(tailByte(a, b & 255));
  put(finishChecksum(a));
}

export function exponential(x: f64): f64 {
  return exp(x);
}

/** `count` numbers of a seed, each drawn both ways, and the first of SplitMix64. */
export function randoms(seed: f64, count: i32): void {
  out.clear();
  const random = randomFromSeed(seed);
  for (let i = 0; i < count; i++) {
    put(random.uint32());
    put(random.float());
  }
  const state = new Bits64(<i32>(seed / 4294967296), 77);
  for (let i = 0; i < count; i++) {
    const z = splitMix64(state);
    put(z.high);
    put(z.low);
  }
}

/** Draws `count` tokens from f32 logits; then the distribution, and the k-th largest logit. */
export function sample(
  logits: usize,
  size: i32,
  temperature: f64,
  topK: f64,
  topP: f64,
  minP: f64,
  penalty: f64,
  seed: f64,
  count: i32,
): void {
  out.clear();
  const sampler = new TokenSampler(temperature, topK, topP, minP, penalty, randomFromSeed(seed), size);
  for (let draw = 0; draw <= count; draw++) {
    for (let i = 0; i < size; i++) sampler.scores[i] = load<f32>(logits + ((<usize>i) << 2));
    put(sampler.firstUnusable());
    for (let i = 0; i < size; i += 3) sampler.penalise(i, load<f32>(logits + ((<usize>i) << 2)));
    const best = sampler.best();
    put(best);
    if (best < 0) continue;
    if (draw < count) {
      put(sampler.draw(best));
      continue;
    }
    const kept = sampler.distribute(best);
    for (let i = 0; i < kept; i++) {
      put(sampler.ids[i]);
      put(sampler.weights[i]);
    }
  }
  for (let i = 0; i < size; i++) sampler.scores[i] = load<f32>(logits + ((<usize>i) << 2));
  put(kthLargest(sampler.scores, size, min(size, 5), sampler.weights));
}

/** Reads a configuration, for the functions below. */
export function configure(json: usize, length: u32): void {
  architecture = readConfig(new JsonReader(json, length, "config"), "config");
}

/** The derived fields, and the weight plan: of the model, or of a draft head of its shape. */
export function plan(quantization: i32, draft: bool): void {
  out.clear();
  const a = architecture;
  put(a.rotated);
  put(a.queryWidth);
  put(a.keyWidth);
  put(a.attentionWidth);
  put(a.ropeFactor);
  put(a.ropeLow);
  put(a.ropeHigh);
  put(a.ropeOriginal);
  const weights = draft ? planDraft(a, quantization) : planModel(a, quantization);
  put(weights.bytes);
  put(weights.end);
  for (let i = 0; i < weights.parts.length; i++) {
    const part = weights.parts[i];
    put(part.layer);
    put(part.type);
    put(part.count);
    put(part.stride);
    put(part.bytes);
    put(part.offset);
    put(part.parameters);
    put(<f64>part.vector);
    put(<f64>part.experts);
    out.appendText(part.name);
    for (let t = 0; t < part.tensors.length; t++) {
      const tensor = part.tensors[t];
      put(part.matrixOffset(t));
      put(tensor.rows);
      put(tensor.cols);
      put(tensor.field);
      put(tensor.group);
      put(tensor.stored);
      out.appendText(tensor.source);
    }
  }
}

class Record extends WordWriter {
  u32(address: f64, value: f64): void {
    put(address);
    put(value);
  }

  f32(address: f64, value: f64): void {
    put(address);
    put(<f64>(<f32>value));
  }
}

/** The words of the descriptors, in the order in which they are written. */
export function describe(quantization: i32, dense: bool, base: f64): void {
  out.clear();
  const at = new Addresses();
  at.descriptor = base;
  at.layers = base + 1000;
  at.frequencies = base + 2000;
  at.scratch = base + 3000;
  at.weights = base + 4000;
  writeModel(new Record(), at, architecture, planModel(architecture, quantization), 64, dense);
}

/** Working memory: its sizes, the words of its tables, and what is wrong with it for so few weights. */
export function scratch(threads: i32, most: i32, at: f64, weightBytes: f64): void {
  out.clear();
  const plan = planScratch(architecture, threads, most);
  put(plan.maxChunk);
  put(plan.activeWords);
  put(plan.bytes);
  writeScratch(new Record(), at, plan);
  const problem = checkScratch(plan, weightBytes);
  if (problem === null) return;
  put(problem.code);
  put(problem.limit);
  out.appendText(problem.field + problem.text);
}

/** A cache, and where the model lies. */
export function place(capacity: i32, threads: i32, scratchBytes: f64, weightBytes: f64, base: f64, weightsAt: f64): void {
  out.clear();
  const cache = new CachePlan(architecture, capacity, threads);
  put(cache.bytes);
  writeCache(new Record(), 4096, cache);
  const placement = placeModel(architecture, scratchBytes, weightBytes, base, weightsAt);
  const at = placement.addresses;
  put(at.descriptor);
  put(at.layers);
  put(at.frequencies);
  put(at.scratch);
  put(at.weights);
  put(placement.end);
}

class Searches extends FiniteSearch {
  constructor(private stop: i32) {
    super();
  }

  floats(address: f64, count: f64): bool {
    put(address);
    put(count);
    return --this.stop !== 0;
  }

  scales(address: f64, panels: f64, panelSize: f64, groups: f64, stride: i32): bool {
    put(address);
    put(panels);
    put(panelSize);
    put(groups);
    put(stride);
    return --this.stop !== 0;
  }
}

/** The stretches that are searched for NaN; the `stop`-th one holds some. */
export function search(quantization: i32, stop: i32): void {
  out.clear();
  const weights: WeightPlan = planModel(architecture, quantization);
  const searches = new Searches(stop);
  for (let i = 0; i < weights.parts.length; i++) put(<f64>finitePart(searches, weights.parts[i], weights.parts[i].offset));
}
