// For the tests of test/standalone alone: the parts that a whole run would not show. The command does not hold it.
import { Addresses, writeModel } from "../core/descriptor";
import { planModel } from "../core/plan";
import { planScratch, PROMPT_CHUNK, writeScratch } from "../core/scratch";
import { failed } from "./failure";
import { readConfig } from "./format/packed";
import { JsonReader } from "./format/json";
import { MemoryWriter } from "./model/memory-writer";
import { TextStream } from "./text/stream";
import { Tokenizer } from "./text/tokenizer";
import { classBits, isComposed } from "./text/unicode";
import { out } from "./probe-output";
export { failure, outputAt, outputLength, releasePages, reservePages } from "./probe-output";

let tokenizer = new Tokenizer();

/**
 * Plans a model and writes its descriptors and scratch table to the given addresses; `quantization` is a place in QUANTIZATIONS.
 * @returns bytes of the weights
 */
export function describe(
  json: usize,
  length: u32,
  quantization: i32,
  descriptor: usize,
  layers: usize,
  frequencies: usize,
  scratch: usize,
  weights: usize,
): f64 {
  const config = readConfig(new JsonReader(json, length, "config"), "config");
  if (failed()) return -1;
  const plan = planModel(config, quantization);
  const scratchPlan = planScratch(config, 1, PROMPT_CHUNK);
  const at = new Addresses();
  at.descriptor = descriptor;
  at.layers = layers;
  at.frequencies = frequencies;
  at.scratch = scratch;
  at.weights = weights;
  writeScratch(new MemoryWriter(), scratch, scratchPlan);
  writeModel(new MemoryWriter(), at, config, plan, scratchPlan.maxChunk, false);
  return plan.bytes;
}

export function loadTokenizer(json: usize, length: u32): void {
  tokenizer = new Tokenizer();
  tokenizer.load(json, length);
}

/** Ids of a text, as the output. */
export function encode(text: usize, length: u32): void {
  out.clear();
  tokenizer.encode(text, length, out);
}

/** Streams `count` ids; the output is the text, with a 0 byte after each piece. */
export function decode(ids: usize, count: i32, continuation: bool): void {
  const stream = new TextStream(tokenizer, continuation);
  out.clear();
  for (let i = 0; i < count; i++) {
    stream.push(load<i32>(ids + ((<usize>i) << 2)), out);
    out.push(0);
  }
  stream.flush(out);
}

/** A number as the JSON reader reads it. */
export function parseNumber(json: usize, length: u32): f64 {
  return new JsonReader(json, length, "number").readNumber();
}

/** What is known of a character (standalone/text/unicode.ts). */
export function characterClass(code: u32): u32 {
  return classBits(code);
}

export function composed(code: u32): bool {
  return isComposed(code);
}
