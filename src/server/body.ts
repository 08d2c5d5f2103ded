import { Blocks } from "./blocks.ts";
import { ApiError, badRequest, retryAfter } from "./errors.ts";

export interface BodyLimits {
  /** Largest body in bytes. */
  readonly bodyBytes: number;
  /** Bytes of all bodies that are being read. */
  readonly bodiesBytes: number;
  /** Milliseconds for a body to come. */
  readonly bodyMs: number;
}

/** A body that is being read. */
interface Reading {
  size: number;
  /** Ends it for a reason that the client is told. */
  readonly stop: (reason: ApiError) => void;
}

/**
 * Reads the bodies of requests. What unfinished ones hold together is bounded: beyond that, those that have been coming for the
 * longest are given up, so that clients which never end theirs keep nobody out.
 */
export class Bodies {
  readonly #limits: BodyLimits;
  /** Oldest first. */
  readonly #readings = new Set<Reading>();
  #size = 0;

  constructor(limits: BodyLimits) {
    this.#limits = limits;
  }

  /** Bytes of bodies that are being read. */
  get size(): number {
    return this.#size;
  }

  /**
   * Reads a request's JSON object.
   * @throws ApiError 415 for another content type or coding, 413 when it is too large, 408 when it takes too long, 503 when it is
   * given up for others, 400 when it is not UTF-8, not JSON or no object.
   */
  async readJson(request: Request): Promise<Record<string, unknown>> {
    checkHeaders(request.headers, this.#limits.bodyBytes);
    const bytes = await this.#read(request);
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch {
      throw badRequest("the body is not valid JSON in UTF-8", undefined, "invalid_json");
    }
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw badRequest("the body must be a JSON object", undefined, "invalid_json");
    return value as Record<string, unknown>;
  }

  async #read({ body, signal }: Request): Promise<Uint8Array> {
    if (body === null) return new Uint8Array(0);
    const { bodyBytes, bodyMs } = this.#limits;
    const reader = body.getReader();
    let stopped: ApiError | undefined;
    const reading: Reading = {
      size: 0,
      stop: (reason) => {
        stopped ??= reason;
        // A read that waits then ends.
        reader.cancel().catch(() => undefined);
      },
    };
    const gone = (): void => reading.stop(broken());
    const late = setTimeout(() => reading.stop(tooSlow(bodyMs)), bodyMs);
    signal.addEventListener("abort", gone, { once: true });
    this.#readings.add(reading);
    const blocks = new Blocks();
    try {
      for (;;) {
        const { done, value } = await reader.read().catch(() => Promise.reject(broken()));
        if (stopped !== undefined) throw stopped;
        if (done) return blocks.joined();
        if (blocks.size + value.length > bodyBytes) throw tooLarge(bodyBytes);
        blocks.push(value);
        this.#grow(reading, value.length);
      }
    } catch (error) {
      reading.stop(broken());
      throw error;
    } finally {
      clearTimeout(late);
      signal.removeEventListener("abort", gone);
      this.#forget(reading);
    }
  }

  /** Makes room for what came; the reading itself may have to go. */
  #grow(reading: Reading, bytes: number): void {
    reading.size += bytes;
    this.#size += bytes;
    for (const oldest of this.#readings) {
      if (this.#size <= this.#limits.bodiesBytes) return;
      this.#forget(oldest);
      oldest.stop(givenUp());
    }
  }

  #forget(reading: Reading): void {
    if (this.#readings.delete(reading)) this.#size -= reading.size;
  }
}

function checkHeaders(headers: Headers, limit: number): void {
  // Browsers ask before they send JSON to another origin, but not before they send plain text.
  if (!/^application\/json *(;|$)/i.test(headers.get("content-type") ?? "")) {
    const message = "send JSON, with the header `content-type: application/json`";
    throw new ApiError(415, "invalid_request_error", message, { code: "unsupported_media_type" });
  }
  const coding = headers.get("content-encoding")?.trim() ?? "";
  if (coding !== "" && coding.toLowerCase() !== "identity") {
    const message = `bodies are read uncompressed, not as ${coding.slice(0, 40)}: send it without content-encoding`;
    throw new ApiError(415, "invalid_request_error", message, {
      code: "unsupported_content_encoding",
      headers: { "accept-encoding": "identity" },
    });
  }
  if (Number(headers.get("content-length") ?? 0) > limit) throw tooLarge(limit);
}

/** The connection broke, or what came was no body. */
function broken(): ApiError {
  return badRequest("the body could not be read to its end", undefined, "incomplete_body");
}

function tooLarge(limit: number): ApiError {
  const message = `the body has more than ${limit} bytes, which is the limit`;
  return new ApiError(413, "invalid_request_error", message, { code: "request_too_large" });
}

function tooSlow(ms: number): ApiError {
  return new ApiError(408, "invalid_request_error", `the body did not come within ${ms / 1000} s`, { code: "request_timeout" });
}

function givenUp(): ApiError {
  const message = "too many bodies are being sent at once, and this one took the longest; try again";
  return new ApiError(503, "server_error", message, { code: "too_many_bodies", headers: retryAfter(1) });
}
