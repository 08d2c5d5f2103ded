import { Registry, type Counter, type Histogram } from "./prometheus.ts";
import type { Slots } from "./slots.ts";

const FIRST_TOKEN_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const TOKENS_PER_SECOND = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

/** What `/metrics` tells. */
export class Metrics {
  readonly requests: Counter;
  readonly rejected: Counter;
  readonly promptTokens: Counter;
  readonly completionTokens: Counter;
  /** Generations that ended because the client went away. */
  readonly abandoned: Counter;
  readonly firstToken: Histogram;
  readonly tokensPerSecond: Histogram;
  readonly #registry = new Registry();

  constructor(slots: Slots) {
    const registry = this.#registry;
    this.requests = registry.counter("blockffn_requests_total", "Requests by route and status.", ["route", "status"]);
    this.rejected = registry.counter("blockffn_rejected_total", "Requests refused because the queue was full.");
    this.promptTokens = registry.counter("blockffn_prompt_tokens_total", "Tokens of the prompts that were computed.");
    this.completionTokens = registry.counter("blockffn_completion_tokens_total", "Tokens that were generated.");
    this.abandoned = registry.counter("blockffn_abandoned_total", "Generations whose client went away.");
    registry.gauge("blockffn_queue_depth", "Requests that wait for a slot.", () => slots.waiting);
    registry.gauge("blockffn_active_requests", "Requests that generate now.", () => slots.active);
    this.firstToken = registry.histogram(
      "blockffn_time_to_first_token_seconds",
      "From a request's arrival to its first token, time in the queue included.",
      FIRST_TOKEN_SECONDS,
    );
    this.tokensPerSecond = registry.histogram(
      "blockffn_tokens_per_second",
      "Tokens a second of a request after its first one, as its client sees them.",
      TOKENS_PER_SECOND,
    );
  }

  response(): Response {
    return new Response(this.#registry.text(), { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } });
  }
}
