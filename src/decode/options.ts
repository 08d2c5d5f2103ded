import { UsageError } from "../errors.ts";
import type { LoadedModel } from "../engine/types.ts";
import { createStopMatcher, type StopMatcher } from "../text/stop.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { MAX_LOGPROBS } from "./sampling/logprobs.ts";
import { createSampler, type Sampler } from "./sampling/sampler.ts";
import { MAX_TREE_NODES } from "./speculative/tree.ts";
import type { KeptSequence } from "./kept.ts";
import { checkOptions, type OptionNames } from "../options.ts";

/** How text is generated. Everything is optional; the default is greedy. */
export interface GenerateOptions {
  /** Most new tokens; default 256. */
  readonly maxTokens?: number;
  /** Most tokens the KV cache may hold; default: what prompt and `maxTokens` need, at most the model's context length. */
  readonly context?: number;
  /** 0 (default) takes the likeliest token; above, tokens are drawn from softmax(logits / temperature). */
  readonly temperature?: number;
  /** Draws among the k likeliest tokens; 0 (default) among all. */
  readonly topK?: number;
  /** Draws among the likeliest tokens that together reach this probability; 1 (default) among all. */
  readonly topP?: number;
  /** Drops tokens less likely than this share of the likeliest one; 0 (default) drops none. */
  readonly minP?: number;
  /** Divides positive (multiplies negative) logits of tokens seen before; 1 (default) changes nothing. */
  readonly repetitionPenalty?: number;
  /** Same seed, same text; default: a random one, told in the result. */
  readonly seed?: number;
  /** Ends before the first of these texts; that of a special token is found where the token is. */
  readonly stop?: string | readonly string[];
  /** Ends early; the result then says "aborted". */
  readonly signal?: AbortSignal;
  /** Takes end-of-sequence tokens for ordinary ones. */
  readonly ignoreEos?: boolean;
  /**
   * Speculative decoding: tokens are guessed and verified several at a time, with the same result, drawn tokens too. `ngram`
   * guesses what followed the same words before, `eagle` asks the model's EAGLE head, `model` asks `draftModel`; `auto` (default)
   * measures while it runs and takes whichever is fastest, nothing included; `off` guesses nothing.
   */
  readonly speculate?: Speculate;
  /** Pieces also tell which experts were active; default false. */
  readonly experts?: boolean;
  /** A smaller model of the same vocabulary that guesses: for `model`, and one more choice for `auto`. It stays the caller's. */
  readonly draftModel?: LoadedModel | { readonly loaded: LoadedModel };
  /** Most nodes of a tree of guesses, the last known token included, 2 to 64; default: what the drafter does best, or `auto` measures. */
  readonly draftTokens?: number;
  /**
   * Gives each piece the log-probability of its token and of this many likeliest ones, 0 to 20; default: none. Nothing is guessed
   * then: `auto` means `off`, and the other ways to speculate are refused.
   */
  readonly logprobs?: number;
}

/** Names of `GenerateOptions`. */
export const GENERATE_OPTIONS = {
  maxTokens: true,
  context: true,
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  repetitionPenalty: true,
  seed: true,
  stop: true,
  signal: true,
  ignoreEos: true,
  speculate: true,
  experts: true,
  draftModel: true,
  draftTokens: true,
  logprobs: true,
} satisfies OptionNames<GenerateOptions>;

/** Ways to speculate. */
export const SPECULATE = ["off", "ngram", "eagle", "model", "auto"] as const;
export type Speculate = (typeof SPECULATE)[number];

/** Checked options, with every default filled in. It belongs to one generation: sampler and stop matcher have state. */
export interface ResolvedOptions {
  readonly maxTokens: number;
  readonly context: number | undefined;
  readonly seed: number;
  /** undefined for plain greedy decoding, which the engine does itself. */
  readonly sampler: Sampler | undefined;
  readonly stop: StopMatcher | undefined;
  readonly signal: AbortSignal | undefined;
  readonly ignoreEos: boolean;
  readonly speculate: Speculate;
  readonly draftModel: LoadedModel | undefined;
  readonly draftTokens: number | undefined;
  readonly experts: boolean;
  readonly logprobs: number | undefined;
  /** Where the sequence comes from and goes to, for those who keep it; else it is made and disposed. */
  readonly kept?: KeptSequence;
}

const UINT32_MAX = 0xffff_ffff;

/**
 * Checks options and fills in defaults.
 * @param tokenizer tells which stop texts are special tokens
 * @throws UsageError naming the option that is wrong.
 */
export function resolveOptions(options: GenerateOptions, tokenizer?: Tokenizer): ResolvedOptions {
  checkOptions(options, GENERATE_OPTIONS, "generate");
  const { temperature = 0, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1, seed = randomSeed() } = options;
  const sampler = createSampler({ temperature, topK, topP, minP, repetitionPenalty, seed });
  return {
    maxTokens: integer("maxTokens", options.maxTokens ?? 256, 1, UINT32_MAX),
    context: options.context === undefined ? undefined : integer("context", options.context, 1, UINT32_MAX),
    seed,
    sampler: temperature === 0 && repetitionPenalty === 1 ? undefined : sampler,
    stop: stops(options.stop, tokenizer),
    signal: signal(options.signal),
    ignoreEos: options.ignoreEos ?? false,
    speculate: speculation(options),
    draftModel: draftModel(options.draftModel),
    draftTokens: options.draftTokens === undefined ? undefined : integer("draftTokens", options.draftTokens, 2, MAX_TREE_NODES),
    experts: options.experts ?? false,
    logprobs: options.logprobs === undefined ? undefined : integer("logprobs", options.logprobs, 0, MAX_LOGPROBS),
  };
}

/** Checks that `value` is an integer in [min, max]. @throws UsageError naming the option. */
export function integer(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`must be a whole number from ${min} to ${max}, not ${shown(value)}`, { field: name });
}

function stops(value: GenerateOptions["stop"], tokenizer: Tokenizer | undefined): StopMatcher | undefined {
  const list: readonly string[] = value === undefined ? [] : Array.isArray(value) ? (value as readonly string[]) : [value as string];
  return list.length === 0 ? undefined : createStopMatcher(list, tokenizer);
}

function signal(value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value;
  throw new UsageError(`must be an AbortSignal, not ${shown(value)}`, { field: "signal" });
}

function speculation({ speculate, logprobs }: GenerateOptions): Speculate {
  const way = SPECULATE.find((name) => name === (speculate ?? "auto"));
  if (way === undefined) throw new UsageError(`must be one of ${SPECULATE.join(", ")}`, { field: "speculate" });
  if (logprobs === undefined || way === "off") return way;
  if (way === "auto") return "off";
  throw new UsageError("needs speculate to be off or auto: a drafted chunk leaves them for some tokens only", { field: "logprobs" });
}

function draftModel(value: GenerateOptions["draftModel"]): LoadedModel | undefined {
  if (value === undefined) return undefined;
  const model: unknown = typeof value === "object" && value !== null && "loaded" in value ? value.loaded : value;
  if (typeof (model as LoadedModel | null)?.newSequence === "function") return model as LoadedModel;
  throw new UsageError(`must be a loaded model, not ${shown(value)}`, { field: "draftModel" });
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] as number;
}

function shown(value: unknown): string {
  return typeof value === "number" ? String(value) : value === null ? "null" : typeof value;
}
