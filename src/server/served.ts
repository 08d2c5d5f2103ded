import { UsageError } from "../errors.ts";
import type { Model } from "../model.ts";
import { ChatFormat } from "../text/chat.ts";
import { ApiError, asBadRequest, badRequest } from "./errors.ts";
import type { ResolvedLimits } from "./options.ts";
import type { ChatMessage, GenerationRequest } from "./schema.ts";

/** Tokens that a chat gets at most when neither it nor the server says a number. */
const DEFAULT_MAX_TOKENS = 4096;
/** What `/v1/completions` gives when no number is asked for: OpenAI's default. */
const COMPLETION_TOKENS = 16;
/** Normalisation may shorten a text, but not to less than this share. */
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
  /** Bytes of the longest token. */
  readonly #longest: number;

  /** @throws TemplateError for a chat template that cannot be read. */
  constructor(id: string, model: Model, limits: ResolvedLimits) {
    const { config, tokenizer, loaded } = model;
    this.id = id;
    this.model = model;
    this.fingerprint = `blockffn-${loaded.quantization}-${loaded.tier}`;
    this.#chat = tokenizer === undefined ? undefined : new ChatFormat(tokenizer, loaded.chatTemplate);
    this.#promptTokens = Math.min(limits.promptTokens ?? config.contextLength, config.contextLength);
    this.#maxTokens = limits.maxTokens ?? Math.min(config.contextLength, DEFAULT_MAX_TOKENS);
    let longest = 1;
    if (tokenizer !== undefined) for (let i = 0; i < tokenizer.vocabSize; i++) longest = Math.max(longest, tokenizer.idToBytes(i).length);
    this.#longest = longest;
  }

  /** Ids of a prompt. @throws ApiError 400 when it cannot be encoded or is too long. */
  encodePrompt(prompt: string | readonly number[]): ArrayLike<number> {
    if (typeof prompt !== "string") return this.#checkLength(prompt, "prompt");
    const { tokenizer } = this.model;
    if (tokenizer === undefined) throw badRequest("this model has no tokenizer: send token ids", "prompt");
    this.#checkText(prompt, "prompt");
    return this.#checkLength(encode(() => tokenizer.encode(prompt), "prompt"), "prompt");
  }

  /** Ids of a conversation. @throws ApiError 400 when the template refuses it or it is too long. */
  encodeChat(messages: readonly ChatMessage[]): ArrayLike<number> {
    const chat = this.#chat;
    if (chat === undefined) throw badRequest("this model has no tokenizer: use /v1/completions with token ids", "messages");
    this.#checkText(messages.map(({ content }) => content).join(""), "messages");
    return this.#checkLength(encode(() => chat.encode(messages), "messages"), "messages");
  }

  /** How many new tokens a request gets. @throws ApiError 400 above the limit. */
  maxTokens(request: GenerationRequest, api: "completions" | "chat"): number {
    const asked = request.options.maxTokens;
    if (asked === undefined) return api === "chat" ? this.#maxTokens : Math.min(COMPLETION_TOKENS, this.#maxTokens);
    if (asked > this.#maxTokens) throw badRequest(`max_tokens is ${asked}; this server gives at most ${this.#maxTokens}`, "max_tokens");
    return asked;
  }

  /** Refuses what is too long whatever its tokens are, before they are looked for. */
  #checkText(text: string, param: string): void {
    const most = this.#promptTokens * this.#longest * SHRINKS;
    if (text.length > most) throw this.#tooLong(`${text.length} characters are far`, param);
  }

  #checkLength<T extends ArrayLike<number>>(ids: T, param: string): T {
    if (ids.length > this.#promptTokens) throw this.#tooLong(`${ids.length} tokens are`, param);
    return ids;
  }

  #tooLong(what: string, param: string): ApiError {
    return badRequest(`${what} too many: a prompt may have at most ${this.#promptTokens} tokens here`, param, "context_length_exceeded");
  }
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
  const last = model.name.split(/[?#]/)[0]?.split(/[/\\]/).filter((part) => part !== "").at(-1) ?? "";
  return last.replace(/\.(safetensors|bin)$/i, "") || "model";
}

function encode<T>(run: () => T, param: string): T {
  try {
    return run();
  } catch (error) {
    const known = asBadRequest(error);
    if (known instanceof ApiError) throw badRequest(known.message, param);
    throw known;
  }
}
