import * as v from "valibot";
import type { GenerateOptions } from "../decode/options.ts";
import { badRequest } from "./errors.ts";

/** Most alternatives that log-probabilities may be asked for, as OpenAI has it. */
const MAX_TOP_LOGPROBS = { completions: 5, chat: 20 } as const;
const MAX_MESSAGES = 2048;

/** What both APIs ask for. */
export interface GenerationRequest {
  /** undefined: the first model that is served. */
  readonly model: string | undefined;
  /** Without signal; `maxTokens` only when it was asked for. */
  readonly options: GenerateOptions;
  readonly stream: boolean;
  readonly includeUsage: boolean;
}

export interface CompletionRequest extends GenerationRequest {
  /** Text or token ids. */
  readonly prompt: string | readonly number[];
}

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
  readonly name?: string;
}

export interface ChatRequest extends GenerationRequest {
  readonly messages: readonly ChatMessage[];
}

const whole = (least: number, most = Number.MAX_SAFE_INTEGER): v.GenericSchema<number> =>
  v.pipe(v.number(), v.integer("must be a whole number"), v.minValue(least, `must be at least ${least}`), v.maxValue(most, `must be at most ${most}`));
const between = (least: number, most: number): v.GenericSchema<number> =>
  v.pipe(v.number(), v.minValue(least, `must be at least ${least}`), v.maxValue(most, `must be at most ${most}`));

/** A parameter that may be there as long as it asks for nothing: what it would ask for is not supported. */
const neutral = (why: string, isNeutral: (value: unknown) => boolean): v.GenericSchema<unknown> =>
  v.optional(v.custom((value) => value === null || value === undefined || isNeutral(value), why));
const isEmpty = (value: unknown): boolean => typeof value === "object" && Object.keys(value as object).length === 0;
const anything = v.optional(v.unknown());

const common = {
  model: v.nullish(v.pipe(v.string(), v.maxLength(512))),
  max_tokens: v.nullish(whole(1)),
  temperature: v.nullish(between(0, 2)),
  top_p: v.nullish(between(0, 1)),
  stop: v.nullish(v.union([v.string(), v.array(v.string())], "must be a string or a list of strings")),
  seed: v.nullish(whole(0)),
  stream: v.nullish(v.boolean()),
  stream_options: v.nullish(v.strictObject({ include_usage: v.nullish(v.boolean()), include_obfuscation: anything })),
  // Not OpenAI's, but common among servers of open models.
  top_k: v.nullish(whole(0)),
  min_p: v.nullish(between(0, 1)),
  repetition_penalty: v.nullish(between(0.01, 100)),
  ignore_eos: v.nullish(v.boolean()),
  // Said about the request, not to the model.
  user: anything, metadata: anything, service_tier: anything, safety_identifier: anything, prompt_cache_key: anything, prompt_cache_retention: anything,
  n: neutral("only one choice a request is supported: send the request again for another", (value) => value === 1),
  presence_penalty: neutral("is not supported; use repetition_penalty", (value) => value === 0),
  frequency_penalty: neutral("is not supported; use repetition_penalty", (value) => value === 0),
  logit_bias: neutral("is not supported", isEmpty),
};

const CompletionSchema = v.object({
  ...common,
  prompt: v.union([v.string(), v.array(v.union([v.number(), v.string(), v.array(v.number())]))], "must be text or a list of token ids"),
  logprobs: v.nullish(whole(0, MAX_TOP_LOGPROBS.completions)),
  best_of: neutral("only one choice a request is supported", (value) => value === 1),
  echo: neutral("is not supported", (value) => value === false),
  suffix: neutral("is not supported", (value) => value === ""),
});

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
const TextPart = v.strictObject({ type: v.literal("text", "only text is supported"), text: v.string() });
const Message = v.strictObject({
  role: v.picklist(["system", "developer", "user", "assistant"], "must be system, developer, user or assistant; tools are not supported"),
  content: v.union([v.string(), v.array(TextPart)], "must be text, or a list of parts of type text"),
  name: v.optional(v.pipe(v.string(), v.maxLength(64))),
  // An assistant's message may come back as it was answered.
  refusal: neutral("is not supported", () => false),
  audio: neutral("is not supported", () => false),
  function_call: neutral("is not supported", () => false),
  annotations: neutral("is not supported", isEmptyList),
  tool_calls: neutral("is not supported", isEmptyList),
});

const ChatSchema = v.object({
  ...common,
  messages: v.pipe(v.array(Message), v.minLength(1, "needs at least one message"), v.maxLength(MAX_MESSAGES, `has more than ${MAX_MESSAGES} messages`)),
  max_completion_tokens: v.nullish(whole(1)),
  logprobs: v.nullish(v.boolean()),
  top_logprobs: v.nullish(whole(0, MAX_TOP_LOGPROBS.chat)),
  response_format: neutral("only text is supported", (value) => typeof value === "object" && (value as { type?: unknown }).type === "text"),
  modalities: neutral("only text is supported", (value) => JSON.stringify(value) === '["text"]'),
  tools: neutral("is not supported", isEmptyList),
  functions: neutral("is not supported", isEmptyList),
  tool_choice: neutral("is not supported", (value) => value === "none" || value === "auto"),
  function_call: neutral("is not supported", (value) => value === "none" || value === "auto"),
  parallel_tool_calls: anything,
  store: neutral("answers are not kept", (value) => value === false),
});

/** Checks the body of `/v1/completions`. @throws ApiError 400 naming the parameter. */
export function parseCompletion(body: Record<string, unknown>): CompletionRequest {
  const input = check(CompletionSchema, body);
  return { ...pick(input, input.max_tokens ?? undefined, input.logprobs ?? undefined), prompt: onePrompt(input.prompt) };
}

/** Checks the body of `/v1/chat/completions`. @throws ApiError 400 naming the parameter. */
export function parseChat(body: Record<string, unknown>): ChatRequest {
  const input = check(ChatSchema, body);
  if (input.top_logprobs !== undefined && input.top_logprobs !== null && input.logprobs !== true) {
    throw badRequest("needs logprobs to be true", "top_logprobs");
  }
  const maxTokens = input.max_completion_tokens ?? input.max_tokens ?? undefined;
  return {
    ...pick(input, maxTokens, input.logprobs === true ? (input.top_logprobs ?? 0) : undefined),
    messages: input.messages.map(({ role, content, name }) => ({
      role: role === "developer" ? "system" : role,
      content: typeof content === "string" ? content : content.map(({ text }) => text).join(""),
      ...(name === undefined ? {} : { name }),
    })),
  };
}

type Common = v.InferOutput<v.ObjectSchema<typeof common, undefined>>;

function pick(input: Common, maxTokens: number | undefined, logprobs: number | undefined): GenerationRequest {
  const { temperature, top_p: topP, top_k: topK, min_p: minP, repetition_penalty: repetitionPenalty, seed, stop, ignore_eos: ignoreEos } = input;
  if (input.stream_options !== undefined && input.stream_options !== null && input.stream !== true) throw badRequest("is only allowed when stream is true", "stream_options");
  const options = { temperature: temperature ?? 1, topP, topK, minP, repetitionPenalty, seed, stop, ignoreEos, maxTokens, logprobs };
  return {
    model: input.model ?? undefined,
    options: Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined && value !== null)),
    stream: input.stream === true,
    includeUsage: input.stream_options?.include_usage === true,
  };
}

function onePrompt(prompt: string | readonly (string | number | readonly number[])[]): string | readonly number[] {
  if (typeof prompt === "string") return prompt;
  if (prompt.every((entry) => typeof entry === "number")) return prompt;
  const [first] = prompt;
  if (prompt.length !== 1 || first === undefined || typeof first === "number") throw badRequest("only one prompt a request is supported", "prompt");
  return first;
}

function check<S extends v.ObjectSchema<v.ObjectEntries, undefined>>(schema: S, body: Record<string, unknown>): v.InferOutput<S> {
  const unknown = Object.keys(body).find((key) => !Object.hasOwn(schema.entries, key));
  if (unknown !== undefined) throw badRequest(`there is no such parameter here: ${unknown.slice(0, 60)}`, unknown.slice(0, 60), "unknown_parameter");
  const result = v.safeParse(schema, body, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = v.getDotPath(issue) ?? undefined;
  throw badRequest(path === undefined ? issue.message : `${path}: ${issue.message}`, path);
}
