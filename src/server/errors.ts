import { BlockFFNError, LimitError, MemoryError } from "../errors.ts";

/** The kinds of error that OpenAI's API tells apart. */
export type ApiErrorType = "invalid_request_error" | "authentication_error" | "rate_limit_error" | "server_error";

interface ApiErrorDetails {
  /** Request field that is wrong, such as `messages.0.content`. */
  readonly param?: string | undefined;
  /** Name for programs, such as `context_length_exceeded`. */
  readonly code?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error that a client is told, in OpenAI's shape. */
export class ApiError extends Error {
  readonly status: number;
  readonly type: ApiErrorType;
  readonly param: string | null;
  readonly code: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, type: ApiErrorType, message: string, details: ApiErrorDetails = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.type = type;
    this.param = details.param ?? null;
    this.code = details.code ?? null;
    this.headers = details.headers ?? {};
  }

  /** `{ error: { message, type, param, code } }` */
  body(): {
    readonly error: { readonly message: string; readonly type: ApiErrorType; readonly param: string | null; readonly code: string | null };
  } {
    const { message, type, param, code } = this;
    return { error: { message, type, param, code } };
  }

  response(): Response {
    return Response.json(this.body(), { status: this.status, headers: this.headers });
  }
}

/** Tells a client when to try again. */
export function retryAfter(seconds: number): Readonly<Record<string, string>> {
  return { "retry-after": String(seconds) };
}

/** A wrong request: status 400. */
export function badRequest(message: string, param?: string, code?: string): ApiError {
  return new ApiError(400, "invalid_request_error", message, { param, code });
}

/** When to try again where nothing tells. */
export const RETRY_SECONDS = 5;

/** Library options under the names that the API has for them. */
const PARAMS: Readonly<Record<string, string>> = {
  maxTokens: "max_tokens",
  topK: "top_k",
  topP: "top_p",
  minP: "min_p",
  repetitionPenalty: "repetition_penalty",
  ignoreEos: "ignore_eos",
};

/**
 * What checking a request against the model threw: the library's own errors are the client's fault, but for want of
 * memory; others are not.
 * @param params library options that the client asked for by other names than PARAMS has
 */
export function asBadRequest(error: unknown, params: Readonly<Record<string, string>> = {}): unknown {
  if (!(error instanceof BlockFFNError) || error instanceof MemoryError) return error;
  const field = error.field?.split(".")[0];
  const param = field === undefined ? undefined : (params[field] ?? PARAMS[field] ?? field);
  const message =
    error.field !== undefined && error.message.startsWith(`${error.field}: `) && param !== undefined
      ? `${param} ${error.message.slice(error.field.length + 2)}`
      : error.message;
  return badRequest(message, param);
}

/** The error that a client is told for whatever went wrong inside; nothing of it leaks. */
export function internalError(): ApiError {
  return new ApiError(500, "server_error", "the server failed to answer; its log says more", { code: "internal_error" });
}

/** What a client is told of an error that came while its request was answered. */
export function toldError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  // The prompt fits the context, so what there is not enough of is memory for its cache.
  if (error instanceof LimitError) {
    return new ApiError(503, "server_error", "the server has no memory for this request now; ask for fewer tokens or try again", {
      code: "out_of_memory",
      headers: retryAfter(RETRY_SECONDS),
    });
  }
  return internalError();
}
