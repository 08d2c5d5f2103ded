import { Hono, type Context } from "hono";
import { nextTask } from "../pause.ts";
import { Answer, type Said } from "./answer.ts";
import { KeyCheck } from "./auth.ts";
import { Bodies } from "./body.ts";
import { ApiError, asBadRequest, badRequest, internalError, toldError } from "./errors.ts";
import { Metrics } from "./metrics.ts";
import {
  checkServerOptions,
  checkServerSpeculation,
  resolveLimits,
  type RequestLog,
  type ResolvedLimits,
  type ServerOptions,
  type ServerSpeculation,
} from "./options.ts";
import { originCheck } from "./origins.ts";
import { pageGuards } from "./pages.ts";
import { parseChat, parseCompletion, type ChatRequest, type CompletionRequest } from "./schema.ts";
import { defaultTokens, neverFits, type Asking } from "./room.ts";
import { promptParam, serveModels, type Api, type Models, type ServedModel } from "./served.ts";
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
  /** undefined when its URL is none. */
  readonly path: string | undefined;
  route: string;
  answer?: Answer;
  error?: unknown;
  /** The body tells when it is complete. */
  streaming?: boolean;
}

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
  readonly #bodies: Bodies;
  readonly #app: Hono<{ Bindings: Exchange }>;

  constructor(models: Models, options: ServerOptions) {
    checkServerOptions(options);
    this.#limits = resolveLimits(options.limits ?? {});
    this.#models = serveModels(models, this.#limits);
    this.#speculation = options.speculation ?? {};
    checkServerSpeculation(
      Array.from(this.#models.values(), ({ model }) => model.loaded),
      this.#speculation,
    );
    const { apiKey } = options;
    this.#keys = apiKey === undefined ? undefined : new KeyCheck(typeof apiKey === "string" ? [apiKey] : apiKey);
    this.#slots = new Slots(this.#limits.concurrency, this.#limits.queue);
    this.#metrics = new Metrics(this.#slots);
    this.#onRequest = options.onRequest;
    this.#bodies = new Bodies(this.#limits);
    this.#app = this.#routes(options);
  }

  async fetch(request: Request): Promise<Response> {
    const exchange: Exchange = { request, start: performance.now(), path: pathOf(request), route: "other" };
    // A signal may be aborted for a reason that is no Error, which the router does not catch.
    const response =
      exchange.path === undefined
        ? brokenUrl().response()
        : await Promise.resolve(this.#app.fetch(request, exchange)).catch((error: unknown) => this.#failed(exchange, error));
    if (exchange.streaming !== true) this.#log(exchange, response.status);
    return response;
  }

  async close(graceMs = GRACE_MS): Promise<void> {
    const cut = setTimeout(() => {
      for (const answer of this.#answers)
        answer.stop(new ApiError(503, "server_error", "the server is shutting down", { code: "shutting_down" }));
    }, graceMs);
    await this.#slots.close();
    clearTimeout(cut);
  }

  #routes({ allowOrigin, allowHost }: ServerOptions): Hono<{ Bindings: Exchange }> {
    const app = new Hono<{ Bindings: Exchange }>();
    for (const guard of pageGuards(allowOrigin === undefined ? undefined : originCheck(allowOrigin), allowHost)) app.use(guard);
    const route = (
      method: "GET" | "POST",
      path: string,
      handle: (context: Context<{ Bindings: Exchange }>) => Promise<Response> | Response,
    ): void => {
      app.all(path, async (context) => {
        context.env.route = path;
        if (path !== "/healthz") await this.#keys?.check(context.req.raw.headers.get("authorization"));
        const asked = context.req.method;
        if (asked !== method && !(asked === "HEAD" && method === "GET")) {
          throw new ApiError(405, "invalid_request_error", `use ${method} here`, {
            code: "method_not_allowed",
            headers: { allow: method },
          });
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
    app.notFound(() =>
      new ApiError(404, "invalid_request_error", "there is nothing here; see /v1/models", { code: "not_found" }).response(),
    );
    app.onError((error, context) => this.#failed(context.env, error));
    return app;
  }

  #health(): Response {
    const { closed, active, waiting } = this.#slots;
    return Response.json({ status: closed ? "closing" : "ok", active, waiting }, { status: closed ? 503 : 200 });
  }

  #model(id: string | undefined): ServedModel {
    const [first] = this.#models.values();
    const found = id === undefined ? first : this.#models.get(id);
    if (found !== undefined) return found;
    throw new ApiError(404, "invalid_request_error", `there is no model ${JSON.stringify(id?.slice(0, 100))} here; /v1/models names them`, {
      param: "model",
      code: "model_not_found",
    });
  }

  async #generate(exchange: Exchange, api: Api): Promise<Response> {
    const body = await this.#bodies.readJson(exchange.request);
    const asked = api === "chat" ? parseChat(body) : parseCompletion(body);
    const served = this.#model(asked.model);
    const answer = await this.#start(exchange, served, asked, api);
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

  /** Encoding a prompt is work as computing it is: it takes a slot, also for one that turns out to be too long. */
  async #start(exchange: Exchange, served: ServedModel, asked: CompletionRequest | ChatRequest, api: Api): Promise<Answer> {
    const speculation = asked.options.logprobs === undefined ? this.#speculation : {};
    const wanted = { ...served.options(asked, api), ...speculation };
    served.checkLength(asked);
    const client = exchange.request.signal;
    const release = await this.#slots.acquire(client);
    let answer: Answer;
    let asking: Asking;
    try {
      const prompt = await served.encode(asked, client);
      const maxTokens = asked.options.maxTokens ?? defaultTokens(served, prompt, wanted.maxTokens);
      const options = { ...wanted, maxTokens };
      asking = { served, request: asked, prompt, options, alone: this.#slots.active === 1 };
      answer = new Answer({
        served,
        prompt,
        options,
        client,
        metrics: this.#metrics,
        start: exchange.start,
        release: () => {
          this.#answers.delete(answer);
          release();
        },
      });
      this.#answers.add(answer);
      exchange.answer = answer;
    } catch (error) {
      release();
      throw asBadRequest(error, { maxTokens: asked.maxTokensParam, prompt: promptParam(asked) });
    }
    await answer.reserve().catch((error: unknown) => {
      throw neverFits(error, asking) ?? error;
    });
    return answer;
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

  #log({ request, start, path = "", route, answer, error }: Exchange, status: number): void {
    this.#metrics.requests.add(1, route, String(status));
    if (this.#onRequest === undefined) return;
    const entry: RequestLog = {
      method: request.method,
      path,
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

function describe({ id, created }: ServedModel): {
  readonly id: string;
  readonly object: "model";
  readonly created: number;
  readonly owned_by: string;
} {
  return { id, object: "model", created, owned_by: "blockffn" };
}

/** Some runtimes put a Host header as it came into a request's URL, which then is none, or throw when they are asked for it. */
function pathOf(request: Request): string | undefined {
  try {
    return new URL(request.url).pathname;
  } catch {
    return undefined;
  }
}

function brokenUrl(): ApiError {
  return badRequest("the request's URL or Host header is broken", undefined, "bad_request");
}
