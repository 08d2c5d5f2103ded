import { GenerateOptions, MAX_STOPS } from "../decode/options";
import { RESULT, takeStrings } from "./abi";

/** The record `options` as it comes, a parameter a field. */
export function takeOptions(
  maxTokens: u32,
  temperature: f64,
  topK: u32,
  topP: f64,
  minP: f64,
  repetitionPenalty: f64,
  seed: u64,
  ignoreEos: i32,
  stops: usize,
  stopCount: u32,
  speculation: i32,
): GenerateOptions {
  const options = new GenerateOptions();
  options.maxTokens = <i32>min<u32>(maxTokens, i32.MAX_VALUE);
  options.temperature = temperature;
  options.topK = <i32>min<u32>(topK, i32.MAX_VALUE);
  options.topP = topP;
  options.minP = minP;
  options.repetitionPenalty = repetitionPenalty;
  options.seed = seed;
  options.ignoreEos = ignoreEos !== 0;
  // One more than there may be is told as too many.
  options.stops = takeStrings(stops, stopCount, MAX_STOPS + 1);
  // The enum's order is that of SPECULATE_OFF, SPECULATE_NGRAM.
  options.speculate = speculation;
  return options;
}

/** result<options, _>. */
export function optionsResult(options: GenerateOptions): usize {
  store<u8>(RESULT, 0);
  store<i32>(RESULT + 8, options.maxTokens);
  store<f64>(RESULT + 16, options.temperature);
  store<i32>(RESULT + 24, options.topK);
  store<f64>(RESULT + 32, options.topP);
  store<f64>(RESULT + 40, options.minP);
  store<f64>(RESULT + 48, options.repetitionPenalty);
  store<u64>(RESULT + 56, options.seed);
  store<u8>(RESULT + 64, options.ignoreEos ? 1 : 0);
  // No stop texts.
  store<u32>(RESULT + 68, 0);
  store<u32>(RESULT + 72, 0);
  store<u8>(RESULT + 76, <u8>options.speculate);
  return RESULT;
}

/** Times are the host's business. */
export function noClock(): f64 {
  return 0;
}
