import { Hono, type Context } from "hono";
import { nextTask } from "../decode/plain/pause.ts";
import { Answer, type Said } from "./answer.ts";
import { KeyCheck } from "./auth.ts";
import { readJson } from "./body.ts";
import { ApiError, asBadRequest, internalError, toldError } from "./errors.ts";
import { Metrics } from "./metrics.ts";
import { checkServerOptions, checkServerSpeculation, resolveLimits, type RequestLog, type ResolvedLimits, type ServerOptions, type ServerSpeculation } from "./options.ts";
import { parseChat, parseCompletion, type GenerationRequest } from "./schema.ts";
import { serveModels, type Models, type ServedModel } from "./served.ts";
import { chatShape, completionShape, type Shape } from "./shapes.ts";
import { Slots } from "./slots.ts";
import { streamAnswer } from "./stream.ts";

/** Status of a request whose client went away: nobody sees it but the log. */
const CLIENT_GONE = 499;
/** Milliseconds that running requests get when a server is closed. */
const GRACE_MS = 10_000;

/** An OpenAI-compatible server without a socket: every runtime brings its own. */
export interface Server {
  /**
   * Answers a request; it never rejects. Aborting `request.signal`, or cancelling the body of a stream, ends the generation
   * within one step.
   */
  readonly fetch: (request: Request) => Promise<Response>;
  /**
   * Refuses new and waiting requests with 503 and lets running ones finish, for at most `graceMs` (default 10 000); then it
   * ends them. The models are the caller's to dispose.
   */
  close(graceMs?: number): Promise<void>;
}

/** What is known of a request while it is answered. */
interface Exchange {
  readonly request: Request;
  readonly start: number;
  route: string;
  answer?: Answer;
  error?: unknown;
  /** The body tells when it is complete. */
  streaming?: boolean;
}

type Api = "completions" | "chat";

/**
 * Serves models: `/v1/models`, `/v1/completions`, `/v1/chat/completions`, `/healthz` and `/metrics`.
 * @param models one model, named after its file, or several by name; the first answers requests that name none
 * @throws UsageError for wrong options, TokenizerError for a chat template that cannot be read.
 */
export function createServer(models: Models, options: ServerOptions = {}): Server {
  const server = new ModelServer(models, options);
  return { fetch: (request) => server.fetch(request), close: (graceMs) => server.close(graceMs) };
}

class ModelServer {
  readonly #limits: ResolvedLimits;
  readonly #models: ReadonlyMap<string, ServedModel>;
  readonly #keys: KeyCheck | undefined;
  readonly #slots: Slots;
  readonly #metrics: Metrics;
  readonly #speculation: ServerSpeculation;
  readonly #answers = new Set<Answer>();
  readonly #onRequest: ServerOptions["onRequest"];
  readonly #allowOrigin: ServerOptions["allowOrigin"];
  readonly #app: Hono<{ Bindings: Exchange }>;

  constructor(models: Models, options: ServerOptions) {
    checkServerOptions(options);
    this.#limits = resolveLimits(options.limits ?? {});
    this.#models = serveModels(models, this.#limits);
    this.#speculation = options.speculation ?? {};
    checkServerSpeculation(Array.from(this.#models.values(), ({ model }) => model.loaded), this.#speculation);
    const { apiKey } = options;
    this.#keys = apiKey === undefined ? undefined : new KeyCheck(typeof apiKey === "string" ? [apiKey] : apiKey);
    this.#slots = new Slots(this.#limits.concurrency, this.#limits.queue);
    this.#metrics = new Metrics(this.#slots);
    this.#onRequest = options.onRequest;
    this.#allowOrigin = options.allowOrigin;
    this.#app = this.#routes();
  }

  async fetch(request: Request): Promise<Response> {
    const exchange: Exchange = { request, start: performance.now(), route: "other" };
    const response = await this.#app.fetch(request, exchange);
    if (exchange.streaming !== true) this.#log(exchange, response.status);
    return response;
  }

  async close(graceMs = GRACE_MS): Promise<void> {
    const cut = setTimeout(() => {
      for (const answer of this.#answers) answer.stop(new ApiError(503, "server_error", "the server is shutting down", { code: "shutting_down" }));
    }, graceMs);
    await this.#slots.close();
    clearTimeout(cut);
  }

  #routes(): Hono<{ Bindings: Exchange }> {
    const app = new Hono<{ Bindings: Exchange }>();
    const route = (method: "GET" | "POST", path: string, handle: (context: Context<{ Bindings: Exchange }>) => Promise<Response> | Response): void => {
      app.all(path, async (context) => {
        context.env.route = path;
        this.#checkOrigin(context.req.raw.headers.get("origin"));
        if (path !== "/healthz") await this.#keys?.check(context.req.raw.headers.get("authorization"));
        const asked = context.req.method;
        if (asked !== method && !(asked === "HEAD" && method === "GET")) {
          throw new ApiError(405, "invalid_request_error", `use ${method} here`, { code: "method_not_allowed", headers: { allow: method } });
        }
        return handle(context);
      });
    };
    route("GET", "/healthz", () => this.#health());
    route("GET", "/metrics", () => this.#metrics.response());
    route("GET", "/v1/models", () => Response.json({ object: "list", data: [...this.#models.values()].map(describe) }));
    route("GET", "/v1/models/:id", (context) => Response.json(describe(this.#model(context.req.param("id")))));
    route("POST", "/v1/completions", (context) => this.#generate(context.env, "completions"));
    route("POST", "/v1/chat/completions", (context) => this.#generate(context.env, "chat"));
    app.notFound(() => {
      throw new ApiError(404, "invalid_request_error", "there is nothing here; see /v1/models", { code: "not_found" });
    });
    app.onError((error, context) => this.#failed(context.env, error));
    return app;
  }

  #checkOrigin(origin: string | null): void {
    if (origin === null || this.#allowOrigin === undefined || this.#allowOrigin(origin)) return;
    throw new ApiError(403, "invalid_request_error", "web pages of other sites may not use this server; to let them, start it with an API key", { code: "origin_not_allowed" });
  }

  #health(): Response {
    const { closed, active, waiting } = this.#slots;
    return Response.json({ status: closed ? "closing" : "ok", active, waiting }, { status: closed ? 503 : 200 });
  }

  #model(id: string | undefined): ServedModel {
    const [first] = this.#models.values();
    const found = id === undefined ? first : this.#models.get(id);
    if (found !== undefined) return found;
    throw new ApiError(404, "invalid_request_error", `there is no model ${JSON.stringify(id?.slice(0, 100))} here; /v1/models names them`, { param: "model", code: "model_not_found" });
  }

  async #generate(exchange: Exchange, api: Api): Promise<Response> {
    const { request } = exchange;
    const body = await readJson(request, this.#limits.bodyBytes);
    const asked = api === "chat" ? parseChat(body) : parseCompletion(body);
    const served = this.#model(asked.model);
    const prompt = "messages" in asked ? served.encodeChat(asked.messages) : served.encodePrompt(asked.prompt);
    const answer = await this.#start(exchange, served, prompt, asked, api);
    await answer.reserve();
    const shape = (api === "chat" ? chatShape : completionShape)(served, asked.includeUsage);
    if (!asked.stream) return whole(answer, shape);
    exchange.streaming = true;
    return streamAnswer(answer, shape, {
      includeUsage: asked.includeUsage,
      stallMs: this.#limits.stallMs,
      pause: served.model.loaded.pause ?? nextTask,
      onEnd: (error) => {
        if (error !== undefined) exchange.error = error;
        this.#log(exchange, answer.gone ? CLIENT_GONE : 200);
      },
    });
  }

  async #start(exchange: Exchange, served: ServedModel, prompt: ArrayLike<number>, asked: GenerationRequest, api: Api): Promise<Answer> {
    const speculation = asked.options.logprobs === undefined ? this.#speculation : {};
    const options = { ...asked.options, ...speculation, maxTokens: served.maxTokens(asked, api) };
    const client = exchange.request.signal;
    const release = await this.#slots.acquire(client);
    try {
      const answer = new Answer({ served, prompt, options, client, metrics: this.#metrics, start: exchange.start, release: () => {
        this.#answers.delete(answer);
        release();
      } });
      this.#answers.add(answer);
      exchange.answer = answer;
      return answer;
    } catch (error) {
      release();
      throw asBadRequest(error);
    }
  }

  #failed(exchange: Exchange, error: unknown): Response {
    if (exchange.request.signal.aborted) return new Response(null, { status: CLIENT_GONE });
    if (error instanceof ApiError) {
      if (error.status === 429) this.#metrics.rejected.add(1);
      return error.response();
    }
    exchange.error = error;
    return toldError(error).response();
  }

  #log({ request, start, route, answer, error }: Exchange, status: number): void {
    this.#metrics.requests.add(1, route, String(status));
    if (this.#onRequest === undefined) return;
    const entry: RequestLog = {
      method: request.method,
      path: new URL(request.url).pathname,
      status,
      ms: performance.now() - start,
      ...(answer === undefined ? {} : { promptTokens: answer.tokens.prompt, completionTokens: answer.tokens.completion }),
      ...(answer?.outcome === undefined ? {} : { finishReason: answer.outcome.finishReason }),
      ...(error === undefined ? {} : { error }),
    };
    try {
      this.#onRequest(entry);
    } catch {
      // A log that fails is no reason to fail an answer.
    }
  }
}

/** An answer all at once. @throws ApiError when it was stopped, the client's reason when it went away. */
async function whole(answer: Answer, shape: Shape): Promise<Response> {
  let text = "";
  let tokens: NonNullable<Said["tokens"]>[number][] | undefined;
  for (let said = await answer.next(); said !== undefined; said = await answer.next()) {
    text += said.text;
    if (said.tokens !== undefined) (tokens ??= []).push(...said.tokens);
  }
  const { outcome } = answer;
  if (outcome === undefined) throw internalError();
  return Response.json(shape.whole({ text, tokens }, outcome));
}

function describe({ id, created }: ServedModel): { readonly id: string; readonly object: "model"; readonly created: number; readonly owned_by: string } {
  return { id, object: "model", created, owned_by: "blockffn" };
}
