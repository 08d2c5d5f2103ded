import { LimitError, NetworkError } from "../errors.ts";
import { refusal } from "./refusal.ts";
import type { HubSettings } from "./settings.ts";
import { pauseFor, retryAfterMs } from "./waiting.ts";

/** Time and second chances that servers get. */
export interface Patience {
  /** Tries after the first one, in a row without a byte in between. */
  readonly retries: number;
  /** Wait before the second try, in milliseconds; it doubles from try to try. */
  readonly retryMs: number;
  /** Longest wait that a server may ask for, in milliseconds. */
  readonly longestWaitMs: number;
  /** A connection that gives nothing for so long, in milliseconds, is taken for broken. */
  readonly silenceMs: number;
}

export const PATIENCE: Patience = { retries: 4, retryMs: 500, longestWaitMs: 120_000, silenceMs: 30_000 };

export interface ClientOptions {
  readonly patience?: Patience | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onNote?: ((text: string) => void) | undefined;
}

/** An answer whose body is still to be read; who does not read it cancels it. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** @throws NetworkError when the connection breaks or falls silent. */
  chunks(): AsyncGenerator<Uint8Array, void, void>;
  cancel(): Promise<void>;
}

const MAX_REDIRECTS = 10;
/** A server that does not answer at all is rarely back within seconds, and what is in the cache may do. */
const UNREACHABLE_RETRIES = 1;
const REDIRECTS = [301, 302, 303, 307, 308];
/** The server may answer if it is asked again. */
const PASSING = [408, 425, 429, 500, 502, 503, 504];

/**
 * GET requests over fetch, with redirects followed by hand: the token goes to the hub's own origin alone, an https URL leads to no http
 * one, and a busy server is asked again.
 */
export class Client {
  readonly settings: HubSettings;
  readonly patience: Patience;
  readonly signal: AbortSignal | undefined;
  readonly note: (text: string) => void;

  constructor(settings: HubSettings, { patience = PATIENCE, signal, onNote = () => undefined }: ClientOptions = {}) {
    this.settings = settings;
    this.patience = patience;
    this.signal = signal;
    this.note = onNote;
  }

  /**
   * @param what what is asked for, as errors call it
   * @param accept statuses that are handed back, other than 200
   * @throws NetworkError for any other answer, or none; the signal's reason when it is aborted.
   */
  async get(
    url: URL,
    what: string,
    { headers = {}, accept = [] }: { headers?: Record<string, string>; accept?: readonly number[] } = {},
  ): Promise<Answer> {
    for (let tries = 0; ; tries++) {
      this.signal?.throwIfAborted();
      let failure: NetworkError;
      let wait: number | undefined;
      let most = this.patience.retries;
      try {
        const answer = await this.#follow(url, what, headers);
        if (answer.status === 200 || accept.includes(answer.status)) return answer;
        await answer.cancel();
        failure = refusal(answer, what, this.settings, url);
        if (!PASSING.includes(answer.status)) throw failure;
        wait = retryAfterMs(answer.headers);
      } catch (error) {
        if (!(error instanceof NetworkError) || error.status !== undefined || error.field === FINAL) throw error;
        failure = error;
        most = Math.min(most, UNREACHABLE_RETRIES);
      }
      if (tries >= most) throw failure;
      await this.wait(tries, failure, wait);
    }
  }

  /** Waits before another try. @throws `failure` when there were enough, or the server asks for too long a wait. */
  async wait(tries: number, failure: NetworkError, asked?: number): Promise<void> {
    const { retries, retryMs, longestWaitMs } = this.patience;
    if (tries >= retries) throw failure;
    const ms = asked ?? retryMs * 2 ** tries;
    if (ms > longestWaitMs) throw failure;
    if (asked !== undefined && asked > 0) this.note(`${failure.message}; asking again in ${Math.ceil(asked / 1000)} s`);
    await pauseFor(ms, this.signal);
  }

  /** A small body as a whole. @throws LimitError beyond `limit` bytes; NetworkError. */
  async getWhole(url: URL, what: string, limit: number): Promise<Uint8Array> {
    const answer = await this.get(url, what);
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of answer.chunks()) {
      size += chunk.length;
      if (size > limit) {
        await answer.cancel();
        throw new LimitError(`the server sends more than the ${limit} bytes allowed`, { file: what, limit });
      }
      parts.push(chunk);
    }
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  async #follow(start: URL, what: string, headers: Record<string, string>): Promise<Answer> {
    let url = start;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const answer = await this.#ask(url, what, headers);
      if (!REDIRECTS.includes(answer.status)) return answer;
      await answer.cancel();
      const to = answer.headers.get("location");
      const next = to !== null && URL.canParse(to, url) ? new URL(to, url) : undefined;
      if (next === undefined || !/^https?:$/.test(next.protocol))
        throw new NetworkError("the server leads to what is no web address", { file: what, field: FINAL });
      if (url.protocol === "https:" && next.protocol === "http:")
        throw new NetworkError(`the server leads from https to http (${next.host}), where others could change the file`, {
          file: what,
          field: FINAL,
        });
      url = next;
    }
    throw new NetworkError(`the server leads on more than ${MAX_REDIRECTS} times`, { file: what, field: FINAL, limit: MAX_REDIRECTS });
  }

  async #ask(url: URL, what: string, given: Record<string, string>): Promise<Answer> {
    const { signal } = this;
    const { endpoint, token } = this.settings;
    const connection = new Connection(this.patience.silenceMs, signal);
    // Lengths and ranges are those of the file itself.
    const headers: Record<string, string> = { "accept-encoding": "identity", "user-agent": "blockffn", ...given };
    if (token !== undefined && url.origin === endpoint.origin) headers["authorization"] = `Bearer ${token}`;
    let response: Response;
    try {
      response = await connection.during(fetch(url, { headers, redirect: "manual", signal: connection.signal }));
    } catch (cause) {
      connection.end();
      if (signal?.aborted === true) throw signal.reason;
      throw new NetworkError(`cannot be fetched: ${reasonOf(cause, url)}`, { file: what, cause });
    }
    const reader = response.body?.getReader();
    return {
      status: response.status,
      headers: response.headers,
      async *chunks() {
        try {
          for (;;) {
            const next = reader === undefined ? undefined : await connection.during(reader.read());
            if (next === undefined || next.done) return;
            yield next.value;
          }
        } catch (cause) {
          if (signal?.aborted === true) throw signal.reason;
          throw new NetworkError(`the connection broke: ${reasonOf(cause, url)}`, { file: what, cause });
        } finally {
          connection.end();
        }
      },
      async cancel() {
        await reader?.cancel().catch(() => undefined);
        connection.end();
      },
    };
  }
}

/** Marks errors that asking again would not help. */
const FINAL = "redirect";

/** One request: it ends when it is silent for too long, or when the caller's signal says so. */
class Connection {
  readonly #controller = new AbortController();
  readonly #silenceMs: number;
  readonly #caller: AbortSignal | undefined;
  readonly #abort = (): void => this.#controller.abort(this.#caller?.reason);

  constructor(silenceMs: number, caller: AbortSignal | undefined) {
    this.#silenceMs = silenceMs;
    this.#caller = caller;
    caller?.addEventListener("abort", this.#abort);
    if (caller?.aborted === true) this.#abort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  async during<T>(work: Promise<T>): Promise<T> {
    const silent = setTimeout(
      () => this.#controller.abort(new Error(`the server was silent for ${this.#silenceMs / 1000} s`)),
      this.#silenceMs,
    );
    try {
      return await work;
    } finally {
      clearTimeout(silent);
    }
  }

  end(): void {
    this.#caller?.removeEventListener("abort", this.#abort);
  }
}

/** What went wrong, in the runtime's words: fetch itself says only that it failed. */
function reasonOf(error: unknown, url: URL): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "NotCapable") return `Deno may not reach it: run with --allow-net=${url.host}`;
  return error.cause instanceof Error && error.cause.message !== "" ? error.cause.message : error.message;
}
