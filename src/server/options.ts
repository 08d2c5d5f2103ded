import { resolveOptions, type GenerateOptions } from "../decode/options.ts";
import { checkSpeculation } from "../decode/speculative/speculation.ts";
import { UsageError } from "../errors.ts";
import type { LoadedModel } from "../engine/types.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import type { AllowedOrigins } from "./origins.ts";

/** What a request may ask for and how many may ask. */
export interface ServerLimits {
  /** Requests that generate at once; default 4. Each has its own KV cache. */
  readonly concurrency?: number;
  /** Requests that may wait for a slot; one more is answered 429. Default 32. */
  readonly queue?: number;
  /** Largest body in bytes; default 1 MiB. */
  readonly bodyBytes?: number;
  /**
   * Bytes of all bodies that are being read; beyond it those that take the longest are answered 503. Default 32 MiB, at least two bodies.
   */
  readonly bodiesBytes?: number;
  /** Milliseconds for a body to come, then it is answered 408; default 30 000. */
  readonly bodyMs?: number;
  /** Most tokens of a prompt; default: the model's context length. */
  readonly promptTokens?: number;
  /**
   * Most tokens that a request may ask for, and what a chat gets that asks for no number; default: the model's context length, at most
   * 4096.
   */
  readonly maxTokens?: number;
  /** Milliseconds that a client may leave a stream unread before its slot is taken away; default 30 000. */
  readonly stallMs?: number;
}

/** What a server logs of a request. */
export interface RequestLog {
  readonly method: string;
  /** Path as it was asked for, without the query. */
  readonly path: string;
  readonly status: number;
  /** Milliseconds until the answer was complete. */
  readonly ms: number;
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly finishReason?: string;
  /** What went wrong inside, for status 500. */
  readonly error?: unknown;
}

/** How answers are guessed ahead: as in `generate`, it changes no text. */
export type ServerSpeculation = Pick<GenerateOptions, "speculate" | "draftModel" | "draftTokens">;

export interface ServerOptions {
  readonly limits?: ServerLimits;
  /** Speculation of all answers but those with log-probabilities, where none is possible; default: `auto`. */
  readonly speculation?: ServerSpeculation;
  /** Keys of which a request must bring one (`Authorization: Bearer KEY`); default: none is asked for. */
  readonly apiKey?: string | readonly string[];
  /**
   * Sites whose web pages may use the server: it then answers as browsers ask of it (CORS), and requests that name another site
   * (`Origin`) get 403. Default: no page gets leave, and other programs may name whatever they like.
   */
  readonly allowOrigin?: AllowedOrigins;
  /**
   * Asked for the name that a request calls this server by (`Host`, without port; `[::1]` for IPv6); false answers 403. Default: every
   * name. Without a key a server on the reader's own machine should know its names, as pages can give their own name its address.
   */
  readonly allowHost?: (hostname: string) => boolean;
  /** Called once a request, when its answer is complete. */
  readonly onRequest?: (entry: RequestLog) => void;
}

const LIMITS = {
  concurrency: true,
  queue: true,
  bodyBytes: true,
  bodiesBytes: true,
  bodyMs: true,
  promptTokens: true,
  maxTokens: true,
  stallMs: true,
} satisfies OptionNames<ServerLimits>;
const SPECULATION = { speculate: true, draftModel: true, draftTokens: true } satisfies OptionNames<ServerSpeculation>;
const OPTIONS = {
  limits: true,
  speculation: true,
  apiKey: true,
  allowOrigin: true,
  allowHost: true,
  onRequest: true,
} satisfies OptionNames<ServerOptions>;

/** Refuses unknown names, inside too. @throws UsageError naming the option. */
export function checkServerOptions(options: ServerOptions): void {
  checkOptions(options, OPTIONS, "createServer");
  checkOptions(options.limits ?? {}, LIMITS, "createServer's limits");
  checkOptions(options.speculation ?? {}, SPECULATION, "createServer's speculation");
}

/** Limits with their defaults; undefined ones depend on the model. */
export interface ResolvedLimits {
  readonly concurrency: number;
  readonly queue: number;
  readonly bodyBytes: number;
  readonly bodiesBytes: number;
  readonly bodyMs: number;
  readonly promptTokens: number | undefined;
  readonly maxTokens: number | undefined;
  readonly stallMs: number;
}

const BODIES_BYTES = 32 << 20;
const MAX_CONTEXT = 0xffff_ffff;

/** Checks limits and fills in defaults. @throws UsageError naming the limit that is wrong. */
export function resolveLimits(limits: ServerLimits): ResolvedLimits {
  const bodyBytes = whole("bodyBytes", limits.bodyBytes ?? 1 << 20, 1, 1 << 28);
  return {
    concurrency: whole("concurrency", limits.concurrency ?? 4, 1, 1024),
    queue: whole("queue", limits.queue ?? 32, 0, 65_536),
    bodyBytes,
    bodiesBytes: whole("bodiesBytes", limits.bodiesBytes ?? Math.max(BODIES_BYTES, 2 * bodyBytes), bodyBytes, 2 ** 40),
    bodyMs: whole("bodyMs", limits.bodyMs ?? 30_000, 1, 3_600_000),
    promptTokens: limits.promptTokens === undefined ? undefined : whole("promptTokens", limits.promptTokens, 1, MAX_CONTEXT),
    maxTokens: limits.maxTokens === undefined ? undefined : whole("maxTokens", limits.maxTokens, 1, MAX_CONTEXT),
    stallMs: whole("stallMs", limits.stallMs ?? 30_000, 1, 3_600_000),
  };
}

function whole(field: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new UsageError(`must be a whole number from ${least} to ${most}`, { field, limit: most });
}

/**
 * Checks that every model can speculate as it is asked to.
 * @throws UsageError naming the option, ConfigError for a draft model of another vocabulary.
 */
export function checkServerSpeculation(models: Iterable<LoadedModel>, speculation: ServerSpeculation): void {
  const resolved = resolveOptions(speculation);
  for (const model of models) checkSpeculation(model, resolved);
}
