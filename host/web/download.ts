import { SourceError } from "../../src/errors.ts";

/** Times that a broken connection is taken up again without a byte in between, and the wait before the first. */
const RETRIES = 3;
const RETRY_MS = 300;

/** A URL that was a name of a model, perhaps: its path ends in a word. */
const NAME = /\/[A-Za-z0-9_-]+$/;
const NAMES = " (models have names on Node and Deno alone: here, give the URL of a packed model)";

/** What tells one version of a file from another, as its server says it; null where it says nothing (or hides it from other origins). */
export interface Version {
  readonly etag: string | null;
  readonly modified: string | null;
  readonly length: string | null;
}

/** A file on its way. */
export interface Download {
  readonly url: string;
  readonly version: Version;
  /** Bytes in all. */
  readonly size: number;
  readonly stream: ReadableStream<Uint8Array>;
}

export function versionOf({ headers }: Response): Version {
  return { etag: headers.get("etag"), modified: headers.get("last-modified"), length: headers.get("content-length") };
}

export function sameVersion(a: Version, b: Version): boolean {
  return a.etag === b.etag && a.modified === b.modified && a.length === b.length;
}

/**
 * Asks the server whether it still has the version that was fetched; one that does not say, or does not answer, counts as yes.
 * @throws SourceError when it has another one.
 */
export async function checkUnchanged(url: string, fetched: Version): Promise<void> {
  if (fetched.etag === null && fetched.modified === null) return;
  const response = await fetch(url, { method: "HEAD", cache: "no-store" }).catch(() => undefined);
  if (response?.ok !== true) return;
  const { etag, modified } = versionOf(response);
  const [before, now] = etag !== null && fetched.etag !== null ? [fetched.etag, etag] : [fetched.modified, modified];
  if (before === null || now === null || before === now) return;
  throw new SourceError("was replaced on the server while it was read; load it again", { file: url });
}

/**
 * Starts to fetch a file; a connection that breaks is taken up where it ended, if the server knows ranges.
 * A compressed answer, or one without a length, is collected first: its size must be known.
 * @throws SourceError when there is no such file or the server cannot be reached.
 */
export async function download(url: string, init: RequestInit = {}): Promise<Download> {
  const response = await request(url, init);
  const version = versionOf(response);
  const size = plainLength(response);
  if (size === undefined || response.body === null) {
    const blob = await collect(response, url);
    return { url, version, size: blob.size, stream: blob.stream() };
  }
  return { url, version, size, stream: resuming(response.body, url, init, version, size) };
}

async function request(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (cause) {
    if (init.signal?.aborted === true) throw cause;
    throw new SourceError("cannot be fetched: the server does not answer, or does not allow other sites to read it (CORS)", {
      file: url,
      cause,
    });
  }
  if (response.ok) return response;
  await response.body?.cancel();
  const meaning =
    response.status === 404
      ? `there is no such file; check the URL${NAME.test(url) ? NAMES : ""}`
      : `the server answers ${response.status} ${response.statusText}`.trim();
  throw new SourceError(meaning, { file: url });
}

/** Bytes of the body, where the header says it: with a content coding it says something else. */
function plainLength({ headers }: Response): number | undefined {
  const length = headers.get("content-length");
  const coding = headers.get("content-encoding");
  if (length === null || !/^\d{1,15}$/.test(length) || (coding !== null && coding !== "identity")) return undefined;
  return Number(length);
}

async function collect(response: Response, url: string): Promise<Blob> {
  try {
    return await response.blob();
  } catch (cause) {
    throw new SourceError("could not be fetched to its end", { file: url, cause });
  }
}

function resuming(
  body: ReadableStream<Uint8Array>,
  url: string,
  init: RequestInit,
  version: Version,
  size: number,
): ReadableStream<Uint8Array> {
  let reader = body.getReader();
  let position = 0;
  let failures = 0;
  let cancelled = false;
  const resume = async (cause: unknown): Promise<void> => {
    if (init.signal?.aborted === true) throw cause;
    if (failures === RETRIES) throw new SourceError(`the connection broke at byte ${position} of ${size}; try again`, { file: url, cause });
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS * 2 ** failures++));
    const next = await rest(url, init, version, position, size).catch((error: unknown) => {
      if (error instanceof SourceError && error.cause === undefined) throw error;
      return undefined;
    });
    if (next === undefined) return;
    // Nobody reads any more: the connection must not stay open.
    if (cancelled) return next.cancel();
    reader = next.getReader();
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (!cancelled) {
          let broken: unknown;
          const next = await reader.read().catch((cause: unknown) => {
            broken = cause;
            return undefined;
          });
          if (next?.done === false) {
            position += next.value.length;
            failures = 0;
            return controller.enqueue(next.value);
          }
          if (next?.done === true && position >= size) return controller.close();
          await resume(broken);
        }
      },
      async cancel(reason) {
        cancelled = true;
        // One that broke cannot be cancelled, and need not be.
        await reader.cancel(reason).catch(() => undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

/** The body from `position` on. @throws SourceError without a cause when asking again would not help. */
async function rest(url: string, init: RequestInit, version: Version, position: number, size: number): Promise<ReadableStream<Uint8Array>> {
  const response = await request(url, { ...init, headers: { Range: `bytes=${position}-` } });
  const { etag, modified } = versionOf(response);
  if (response.status !== 206 || response.body === null) {
    await response.body?.cancel();
    throw new SourceError(`the connection broke at byte ${position} of ${size}, and the server does not send parts; try again`, {
      file: url,
    });
  }
  // Hidden from other origins, unless the server shows it to them.
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get("content-range") ?? "");
  const same = range === null || (Number(range[1]) === position && Number(range[2]) === size);
  if (!same || etag !== version.etag || modified !== version.modified) {
    await response.body.cancel();
    throw new SourceError("was replaced on the server while it was read; load it again", { file: url });
  }
  return response.body;
}
