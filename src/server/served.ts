import { chatDefaults } from "../chat/defaults.ts";
import type { GenerateOptions } from "../decode/options.ts";
import { LimitError, UsageError } from "../errors.ts";
import type { Model } from "../model.ts";
import { ChatFormat } from "../text/chat.ts";
import { ApiError, asBadRequest, badRequest } from "./errors.ts";
import type { ResolvedLimits } from "./options.ts";
import type { ChatRequest, CompletionRequest, GenerationRequest } from "./schema.ts";

export type Api = "completions" | "chat";
/** Options of an answer, whose length is known. */
export type AnswerOptions = GenerateOptions & { readonly maxTokens: number };

/** OpenAI's default. */
const TEMPERATURE = 1;
/** Tokens that a chat gets at most when neither it nor the server says a number. */
const DEFAULT_MAX_TOKENS = 4096;
/** What `/v1/completions` gives when no number is asked for: OpenAI's default. */
const COMPLETION_TOKENS = 16;
/** A template may shorten messages, but not to less than this share. */
const SHRINKS = 4;

/** A model under a name, with what the server keeps to answer for it. */
export class ServedModel {
  readonly id: string;
  readonly model: Model;
  /** Unix time, seconds. */
  readonly created = Math.floor(Date.now() / 1000);
  /** Weight type and kernels: what answers depend on besides the request. */
  readonly fingerprint: string;
  readonly #chat: ChatFormat | undefined;
  readonly #promptTokens: number;
  readonly #maxTokens: number;
  readonly #defaults: Readonly<Record<Api, AnswerOptions>>;

  /** @throws TemplateError for a chat template that cannot be read. */
  constructor(id: string, model: Model, limits: ResolvedLimits) {
    const { config, tokenizer, loaded } = model;
    this.id = id;
    this.model = model;
    this.fingerprint = `blockffn-${loaded.quantization}-${loaded.tier}`;
    this.#chat = tokenizer === undefined ? undefined : new ChatFormat(tokenizer, loaded.chatTemplate);
    this.#promptTokens = Math.min(limits.promptTokens ?? config.contextLength, config.contextLength);
    this.#maxTokens = limits.maxTokens ?? Math.min(config.contextLength, DEFAULT_MAX_TOKENS);
    const { maxTokens: _, ...chat } = chatDefaults(loaded);
    const saidTokens = loaded.generationDefaults?.maxTokens ?? Infinity;
    this.#defaults = {
      completions: { temperature: TEMPERATURE, maxTokens: Math.min(COMPLETION_TOKENS, this.#maxTokens) },
      chat: { temperature: TEMPERATURE, ...chat, maxTokens: Math.min(saidTokens, this.#maxTokens) },
    };
  }

  /** Refuses a prompt that is too long whatever its tokens are, before anything is done for it. @throws ApiError 400 */
  checkLength(request: CompletionRequest | ChatRequest): void {
    const { tokenizer } = this.model;
    const least =
      "messages" in request
        ? Math.ceil((tokenizer?.leastTokens(request.messages.map(({ content }) => content).join("")) ?? 0) / SHRINKS)
        : typeof request.prompt === "string"
          ? (tokenizer?.leastTokens(request.prompt) ?? 0)
          : request.prompt.length;
    if (least > this.#promptTokens) throw this.#tooLong(request);
  }

  /**
   * Ids of what a request asks to go on with; other tasks run meanwhile.
   * @param client ends it; its reason is thrown
   * @throws ApiError 400 when it cannot be encoded, the template refuses it or it is too long.
   */
  async encode(request: CompletionRequest | ChatRequest, client: AbortSignal): Promise<ArrayLike<number>> {
    const { tokenizer, loaded } = this.model;
    const paced = { signal: client, ...(loaded.pause === undefined ? {} : { pause: loaded.pause }) };
    try {
      if ("messages" in request) {
        if (this.#chat === undefined) throw badRequest("this model has no tokenizer: use /v1/completions with token ids", "messages");
        return await this.#chat.encodeWithin(request.messages, this.#promptTokens, { ...paced, values: request.values });
      }
      if (typeof request.prompt !== "string") return request.prompt;
      if (tokenizer === undefined) throw badRequest("this model has no tokenizer: send token ids", "prompt");
      return await tokenizer.encodeWithin(request.prompt, this.#promptTokens, paced);
    } catch (error) {
      if (error instanceof LimitError && error.field === "text" && error.limit === this.#promptTokens) throw this.#tooLong(request);
      const known = asBadRequest(error);
      throw known instanceof ApiError ? badRequest(known.message, promptParam(request)) : known;
    }
  }

  /**
   * How a request is answered: as it asks, else as the API has it, chats as the model's makers want them.
   * @throws ApiError 400 for more tokens than there are here.
   */
  options({ options, maxTokensParam: param }: GenerationRequest, api: Api): AnswerOptions {
    const { maxTokens } = options;
    if (maxTokens !== undefined && maxTokens > this.#maxTokens)
      throw badRequest(`${param} is ${maxTokens}; this server gives at most ${this.#maxTokens}`, param);
    const defaults = this.#defaults[api];
    return { ...defaults, ...options, maxTokens: maxTokens ?? defaults.maxTokens };
  }

  #tooLong(request: CompletionRequest | ChatRequest): ApiError {
    return badRequest(
      `there are too many tokens: a prompt may have at most ${this.#promptTokens} tokens here`,
      promptParam(request),
      "context_length_exceeded",
    );
  }
}

/** The parameter that holds a request's prompt. */
export function promptParam(request: CompletionRequest | ChatRequest): "messages" | "prompt" {
  return "messages" in request ? "messages" : "prompt";
}

/** Models by name. */
export type Models = Model | Readonly<Record<string, Model>>;

/** The models that are served, the default one first. @throws UsageError when there is none. */
export function serveModels(models: Models, limits: ResolvedLimits): ReadonlyMap<string, ServedModel> {
  const entries: [string, Model][] = isModel(models) ? [[nameOf(models), models]] : Object.entries(models);
  if (entries.length === 0) throw new UsageError("is empty; give at least one model", { field: "models" });
  return new Map(entries.map(([id, model]) => [id, new ServedModel(id, model, limits)]));
}

function isModel(models: Models): models is Model {
  return typeof (models as Model).generate === "function";
}

/** Last part of a path or URL, without the ending: clients need not know where it lies. */
function nameOf(model: Model): string {
  const last =
    model.name
      .split(/[?#]/)[0]
      ?.split(/[/\\]/)
      .filter((part) => part !== "")
      .at(-1) ?? "";
  return last.replace(/\.(safetensors|bin)$/i, "") || "model";
}
