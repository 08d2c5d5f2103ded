import { SourceError } from "../../src/errors.ts";
import { checkUnchanged, download } from "../web/download.ts";

/** A packed model as a stream, with its size in bytes. */
export interface ModelStream {
  readonly size: number;
  readonly stream: ReadableStream<Uint8Array>;
  /** Asked when all is read. @throws SourceError when the source is not what it was when it was opened. */
  unchanged?(): Promise<void>;
}

/** Where a model comes from. */
export interface ModelSource {
  /** Name for errors and for the server. */
  readonly name: string;
  /** @throws SourceError when it is not there. */
  open(): Promise<ModelStream>;
}

/** What is used of Cloudflare's bindings; their own types fit. */
export interface AssetsBinding {
  fetch(input: string): Promise<Response>;
}
export interface BucketBinding {
  get(key: string): Promise<{ readonly size: number; readonly body: ReadableStream } | null>;
}
export interface KvBinding {
  getWithMetadata(key: string, type: "stream"): Promise<{ value: ReadableStream | null; metadata: unknown }>;
}

/** A model among the Worker's static assets (`assets` in the Wrangler configuration; files up to 25 MiB). */
export function fromAssets(assets: AssetsBinding, path: string): ModelSource {
  return {
    name: path,
    async open() {
      const response = await assets.fetch(new URL(path, "https://assets.local/").href);
      const size = Number(response.headers.get("content-length"));
      if (!response.ok || response.body === null) {
        await response.body?.cancel();
        throw new SourceError(`is not among the static assets (${response.status}); see "assets" in the Wrangler configuration`, {
          file: path,
        });
      }
      return size > 0 ? { size, stream: response.body } : collected(response.body, path);
    },
  };
}

/** A model in an R2 bucket. */
export function fromR2(bucket: BucketBinding, key: string): ModelSource {
  return {
    name: key,
    async open() {
      const object = await bucket.get(key);
      if (object === null) throw new SourceError("is not in the bucket", { file: key });
      return { size: object.size, stream: object.body };
    },
  };
}

/**
 * A model in Workers KV (values up to 25 MiB). Put it there with its size as metadata, `{"size": 9728256}`: KV does not tell
 * it, and without it the value has to be collected in memory first.
 */
export function fromKv(namespace: KvBinding, key: string): ModelSource {
  return {
    name: key,
    async open() {
      const { value, metadata } = await namespace.getWithMetadata(key, "stream");
      if (value === null) throw new SourceError("is not in the KV namespace", { file: key });
      const size = typeof metadata === "object" && metadata !== null && "size" in metadata ? metadata.size : undefined;
      return typeof size === "number" && Number.isSafeInteger(size) ? { size, stream: value } : collected(value, key);
    },
  };
}

/** A model on any server. A connection that breaks is taken up again. */
export function fromUrl(url: string | URL): ModelSource {
  const name = String(url);
  return {
    name,
    async open() {
      if (!URL.canParse(name) || !/^https?:/i.test(name)) {
        throw new SourceError(
          "is not the URL of a packed model: names and hf: need Node or Deno; give a URL, or fromAssets, fromR2, fromKv",
          { file: name },
        );
      }
      const { version, size, stream } = await download(name);
      return { size, stream, unchanged: () => checkUnchanged(name, version) };
    },
  };
}

async function collected(stream: ReadableStream, name: string): Promise<ModelStream> {
  try {
    const blob = await new Response(stream).blob();
    return { size: blob.size, stream: blob.stream() };
  } catch (cause) {
    throw new SourceError("could not be read to its end", { file: name, cause });
  }
}
