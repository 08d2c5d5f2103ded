import { Option } from "commander";
import type { GenerateOptions } from "../src/decode/options.ts";
import { collect, decimal, wholeNumber } from "./options.ts";

const PICKED = [
  "maxTokens",
  "context",
  "temperature",
  "topK",
  "topP",
  "minP",
  "repetitionPenalty",
  "seed",
  "stop",
  "ignoreEos",
  "speculate",
  "draftTokens",
] as const;

/** How text is drawn and where it ends, as a command is told. */
export type SamplingOptions = Pick<GenerateOptions, Exclude<(typeof PICKED)[number], "stop">> & { readonly stop?: string[] };

/** What is taken where nobody says, as help texts have it. */
export type SamplingDefaults = Readonly<
  Record<"maxTokens" | "context" | "temperature" | "topK" | "topP" | "minP" | "repetitionPenalty", string>
>;

/** Options of every command that generates text. */
export function samplingOptions(defaults: SamplingDefaults): readonly Option[] {
  const option = (flags: string, what: string, key: keyof SamplingDefaults, parse: (text: string) => number): Option =>
    new Option(flags, `${what} (default: ${defaults[key]})`).argParser(parse);
  return [
    option("-n, --max-tokens <n>", "most new tokens", "maxTokens", wholeNumber),
    option("--context <n>", "most tokens that the KV cache may hold", "context", wholeNumber),
    option("-t, --temperature <t>", "0 takes the likeliest token, above draws", "temperature", decimal),
    option("--top-k <n>", "draw among the n likeliest tokens", "topK", wholeNumber),
    option("--top-p <p>", "draw among the likeliest tokens that reach p together", "topP", decimal),
    option("--min-p <p>", "drop tokens less likely than p times the likeliest", "minP", decimal),
    option("--repetition-penalty <p>", "above 1 makes repetition less likely", "repetitionPenalty", decimal),
    new Option("--seed <n>", "same seed, same text (default: random)").argParser(wholeNumber),
    new Option("--stop <text>", "end before this text; may be given more than once").argParser(collect),
    new Option("--ignore-eos", "go on after an end-of-sequence token"),
  ];
}

/** What was given of them, and of speculation, for `generate` of the library. */
export function pickSampling(options: SamplingOptions): Omit<GenerateOptions, "signal" | "draftModel"> {
  return Object.fromEntries(PICKED.map((key) => [key, options[key]]).filter(([, value]) => value !== undefined));
}
