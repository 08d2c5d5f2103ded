import * as v from "valibot";
import type { GenerateOptions } from "../decode/options.ts";
import { hashTo53 } from "../decode/sampling/rng.ts";
import type { TemplateValues } from "../text/template-values.ts";
import { withoutNulls } from "./absent.ts";
import { badRequest, type ApiError } from "./errors.ts";
import { templateValues } from "./template-values.ts";

/** Most alternatives that log-probabilities may be asked for, as OpenAI has it. */
const MAX_TOP_LOGPROBS = { completions: 5, chat: 20 } as const;
const MAX_MESSAGES = 2048;
/** What one request may list, before the library looks at each. */
const MAX_STOPS = 64;
const MAX_PARTS = 2048;

/** Token ids; or a list of one prompt, of several, or of anything else: that is told apart later. */
type TokenPrompt = readonly (string | number | readonly number[])[];

/** What both APIs ask for. */
export interface GenerationRequest {
  /** undefined: the first model that is served. */
  readonly model: string | undefined;
  /** What was asked for, without signal. */
  readonly options: GenerateOptions;
  /** The parameter that `maxTokens` came from. */
  readonly maxTokensParam: "max_tokens" | "max_completion_tokens";
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
  /** For the model's chat template. */
  readonly values: TemplateValues;
}

/** Seeds that are integers of 64 bits, with a sign or without. */
const SEEDS = { least: -(2 ** 63), most: 2 ** 64 } as const;

const whole = (least: number, most = Number.MAX_SAFE_INTEGER): v.GenericSchema<number> =>
  v.pipe(
    v.number(),
    v.integer("must be a whole number"),
    v.minValue(least, `must be at least ${least}`),
    v.maxValue(most, `must be at most ${most}`),
  );
const between = (least: number, most: number): v.GenericSchema<number> =>
  v.pipe(v.number(), v.minValue(least, `must be at least ${least}`), v.maxValue(most, `must be at most ${most}`));

/** A parameter that may be there as long as it asks for nothing: what it would ask for is not supported. */
const neutral = (why: string, isNeutral: (value: unknown) => boolean = () => false): v.GenericSchema<unknown> =>
  v.optional(v.custom((value) => value === undefined || isNeutral(value), why));
const oneOf =
  (...values: readonly unknown[]) =>
  (value: unknown): boolean =>
    values.includes(value);
const isEmpty = (value: unknown): boolean => typeof value === "object" && Object.keys(value as object).length === 0;
const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
const anything = v.optional(v.unknown());

const Stops = v.pipe(v.array(v.string()), v.maxLength(MAX_STOPS, `has more than ${MAX_STOPS} entries`));

// Parameters that are null are gone by then (withoutNulls).
const common = {
  model: v.optional(v.pipe(v.string(), v.maxLength(512))),
  max_tokens: v.optional(whole(1)),
  temperature: v.optional(between(0, 2)),
  top_p: v.optional(between(0, 1)),
  stop: v.optional(v.union([v.string(), Stops], "must be a string or a list of strings")),
  seed: v.optional(whole(SEEDS.least, SEEDS.most)),
  stream: v.optional(v.boolean()),
  stream_options: v.optional(v.strictObject({ include_usage: v.optional(v.boolean()), include_obfuscation: anything })),
  // Not OpenAI's, but common among servers of open models.
  top_k: v.optional(whole(0)),
  min_p: v.optional(between(0, 1)),
  repetition_penalty: v.optional(between(0.01, 100)),
  ignore_eos: v.optional(v.boolean()),
  // Said about the request, not to the model.
  user: anything,
  metadata: anything,
  service_tier: anything,
  safety_identifier: anything,
  prompt_cache_key: anything,
  prompt_cache_retention: anything,
  n: neutral("only one choice a request is supported: send the request again for another", oneOf(1)),
  presence_penalty: neutral("is not supported; use repetition_penalty", oneOf(0)),
  frequency_penalty: neutral("is not supported; use repetition_penalty", oneOf(0)),
  logit_bias: neutral("is not supported", isEmpty),
};

const CompletionSchema = v.object({
  ...common,
  prompt: v.union([v.string(), v.custom<TokenPrompt>(isPromptList)], "must be text or a list of token ids"),
  logprobs: v.optional(whole(0, MAX_TOP_LOGPROBS.completions)),
  best_of: neutral("only one choice a request is supported", oneOf(1)),
  echo: neutral("is not supported", oneOf(false)),
  suffix: neutral("is not supported", oneOf("")),
});

const TEXT = `must be text, or a list of at most ${MAX_PARTS} parts of type text`;
const TextPart = v.strictObject({ type: v.literal("text", "only text is supported"), text: v.string() });
const Parts = v.pipe(v.array(v.unknown()), v.maxLength(MAX_PARTS), v.array(TextPart));
const Message = v.pipe(
  v.strictObject({
    role: v.picklist(["system", "developer", "user", "assistant"], "must be system, developer, user or assistant; tools are not supported"),
    content: v.optional(v.union([v.string(), Parts], TEXT)),
    name: v.optional(v.pipe(v.string(), v.maxLength(64))),
    // An assistant's message may come back as it was answered.
    refusal: neutral("is not supported"),
    audio: neutral("is not supported"),
    function_call: neutral("is not supported"),
    annotations: neutral("is not supported", isEmptyList),
    tool_calls: neutral("is not supported", isEmptyList),
  }),
  v.forward(
    v.check(({ role, content }) => role === "assistant" || content !== undefined, TEXT),
    ["content"],
  ),
);

const ChatSchema = v.object({
  ...common,
  messages: v.pipe(
    v.array(v.unknown()),
    v.minLength(1, "needs at least one message"),
    v.maxLength(MAX_MESSAGES, `has more than ${MAX_MESSAGES} messages`),
    v.array(Message),
  ),
  max_completion_tokens: v.optional(whole(1)),
  logprobs: v.optional(v.boolean()),
  top_logprobs: v.optional(whole(0, MAX_TOP_LOGPROBS.chat)),
  response_format: neutral("only text is supported", (value) => typeof value === "object" && (value as { type?: unknown }).type === "text"),
  modalities: neutral("only text is supported", (value) => JSON.stringify(value) === '["text"]'),
  tools: neutral("is not supported", isEmptyList),
  functions: neutral("is not supported", isEmptyList),
  tool_choice: neutral("is not supported", oneOf("none", "auto")),
  function_call: neutral("is not supported", oneOf("none", "auto")),
  // How tools would be used, of which there are none.
  parallel_tool_calls: v.optional(v.boolean()),
  store: neutral("answers are not kept", oneOf(false)),
  // What it means is the chat template's business.
  reasoning_effort: v.optional(v.picklist(["none", "minimal", "low", "medium", "high", "xhigh"])),
  // Not OpenAI's, but vLLM's and SGLang's: the template's own switches, by name.
  chat_template_kwargs: v.optional(v.unknown()),
  verbosity: neutral("only medium is supported", oneOf("medium")),
  audio: neutral("only text is supported"),
  prediction: neutral("is not supported"),
  web_search_options: neutral("is not supported"),
});

/** Checks the body of `/v1/completions`. @throws ApiError 400 naming the parameter. */
export function parseCompletion(body: Record<string, unknown>): CompletionRequest {
  const input = check(CompletionSchema, body);
  return { ...pick(input, input.max_tokens, input.logprobs), prompt: onePrompt(input.prompt) };
}

/** Checks the body of `/v1/chat/completions`. @throws ApiError 400 naming the parameter. */
export function parseChat(body: Record<string, unknown>): ChatRequest {
  const input = check(ChatSchema, body);
  if ((input.top_logprobs ?? 0) > 0 && input.logprobs !== true) throw badRequest("needs logprobs to be true", "top_logprobs");
  const maxTokensParam = input.max_completion_tokens === undefined ? "max_tokens" : "max_completion_tokens";
  return {
    ...pick(input, input[maxTokensParam], input.logprobs === true ? (input.top_logprobs ?? 0) : undefined),
    maxTokensParam,
    values: templateValues(input.reasoning_effort, input.chat_template_kwargs),
    messages: input.messages.map(({ role, content = "", name }) => ({
      role: role === "developer" ? "system" : role,
      content: typeof content === "string" ? content : content.map(({ text }) => text).join(""),
      ...(name === undefined ? {} : { name }),
    })),
  };
}

type Common = v.InferOutput<v.ObjectSchema<typeof common, undefined>>;

function pick(input: Common, maxTokens: number | undefined, logprobs: number | undefined): GenerationRequest {
  const { temperature, top_p: topP, top_k: topK, min_p: minP, repetition_penalty: repetitionPenalty, stop, ignore_eos: ignoreEos } = input;
  const includeUsage = input.stream_options?.include_usage === true;
  if (includeUsage && input.stream !== true) throw badRequest("is only allowed when stream is true", "stream_options");
  const seed = input.seed === undefined ? undefined : foldSeed(input.seed);
  const options = { temperature, topP, topK, minP, repetitionPenalty, seed, stop, ignoreEos, maxTokens, logprobs };
  return {
    model: input.model,
    options: Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
    maxTokensParam: "max_tokens",
    stream: input.stream === true,
    includeUsage,
  };
}

/** The library's seeds are of 53 bits: those are taken as they are, others go through a hash. */
function foldSeed(seed: number): number {
  return Number.isSafeInteger(seed) && seed >= 0 ? seed : hashTo53(BigInt(seed));
}

/** Looked through by hand: a list may be as long as the body, and a schema of its entries takes fifty times as long. */
function isPromptList(prompt: unknown): boolean {
  const isIds = (list: unknown): boolean => Array.isArray(list) && list.every((entry) => typeof entry === "number");
  return Array.isArray(prompt) && (isIds(prompt) || prompt.every((entry) => typeof entry === "string" || isIds(entry)));
}

function onePrompt(prompt: string | TokenPrompt): string | readonly number[] {
  if (typeof prompt === "string") return prompt;
  if (prompt.every((entry) => typeof entry === "number")) return prompt;
  const [first] = prompt;
  if (prompt.length !== 1 || first === undefined || typeof first === "number")
    throw badRequest("only one prompt a request is supported", "prompt");
  return first;
}

function check<S extends v.ObjectSchema<v.ObjectEntries, undefined>>(schema: S, body: Record<string, unknown>): v.InferOutput<S> {
  const asked = withoutNulls(body);
  const unknown = Object.keys(asked).find((key) => !Object.hasOwn(schema.entries, key));
  if (unknown !== undefined) throw unknownParameter(unknown);
  const result = v.safeParse(schema, asked, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = v.getDotPath(issue) ?? undefined;
  if (issue.type === "strict_object" && issue.expected === "never" && path !== undefined) throw unknownParameter(path);
  throw badRequest(path === undefined ? issue.message : `${path}: ${issue.message}`, path);
}

function unknownParameter(name: string): ApiError {
  const shown = name.slice(0, 60);
  return badRequest(`there is no such parameter here: ${shown}`, shown, "unknown_parameter");
}
