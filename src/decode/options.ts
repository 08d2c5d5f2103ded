import { UsageError } from "../errors.ts";
import { createStopMatcher, type StopMatcher } from "../text/stop.ts";

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
  /** Ends before the first of these texts. */
  readonly stop?: string | readonly string[];
  /** Ends early; the result then says "aborted". */
  readonly signal?: AbortSignal;
  /** Takes end-of-sequence tokens for ordinary ones. */
  readonly ignoreEos?: boolean;
}

/** Generation options with every default filled in. */
export interface ResolvedOptions {
  readonly maxTokens: number;
  readonly context: number | undefined;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly seed: number;
  /** Fresh: it belongs to one generation. */
  readonly stop: StopMatcher | undefined;
  readonly signal: AbortSignal | undefined;
  readonly ignoreEos: boolean;
}

const UINT32 = 0x1_0000_0000;

/** Checks options and fills in defaults. @throws UsageError naming the option that is wrong. */
export function resolveOptions(options: GenerateOptions): ResolvedOptions {
  return {
    maxTokens: integer("maxTokens", options.maxTokens ?? 256, 1, UINT32 - 1),
    context: options.context === undefined ? undefined : integer("context", options.context, 1, UINT32 - 1),
    temperature: within("temperature", options.temperature ?? 0, 0, 100),
    topK: integer("topK", options.topK ?? 0, 0, UINT32 - 1),
    topP: within("topP", options.topP ?? 1, 0, 1),
    minP: within("minP", options.minP ?? 0, 0, 1),
    repetitionPenalty: penalty(options.repetitionPenalty ?? 1),
    seed: integer("seed", options.seed ?? randomSeed(), 0, UINT32 - 1),
    stop: stops(options.stop),
    signal: signal(options.signal),
    ignoreEos: options.ignoreEos ?? false,
  };
}

/** Checks that `value` is an integer in [min, max]. @throws UsageError naming the option. */
export function integer(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`must be a whole number from ${min} to ${max}, not ${shown(value)}`, { field: name });
}

function within(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && value >= min && value <= max) return value;
  throw new UsageError(`must be a number from ${min} to ${max}, not ${shown(value)}`, { field: name });
}

function penalty(value: unknown): number {
  if (typeof value === "number" && value > 0 && value <= 100) return value;
  throw new UsageError(`must be a number above 0, at most 100, not ${shown(value)}`, { field: "repetitionPenalty" });
}

function stops(value: GenerateOptions["stop"]): StopMatcher | undefined {
  const list: readonly string[] = value === undefined ? [] : Array.isArray(value) ? (value as readonly string[]) : [value as string];
  return list.length === 0 ? undefined : createStopMatcher(list);
}

function signal(value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value;
  throw new UsageError(`must be an AbortSignal, not ${shown(value)}`, { field: "signal" });
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] as number;
}

function shown(value: unknown): string {
  return typeof value === "number" ? String(value) : typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : value === null ? "null" : typeof value;
}
