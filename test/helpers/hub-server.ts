import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export interface HubFile {
  readonly bytes: Uint8Array;
  /** Kept in large-file storage: on another origin, with its SHA-256 in the list. */
  readonly large: boolean;
}

export interface Asked {
  readonly origin: "hub" | "storage";
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
}

/** Answers instead of the server; false leaves it to the server. */
export type Hook = (request: IncomingMessage, response: ServerResponse, path: string) => boolean | void;

const COMMIT = "0123456789abcdef0123456789abcdef01234567";

/**
 * A server that speaks the hub's protocol for one repository, `owner/model`, as its documentation says: the list of a revision, files behind
 * redirects (small ones relative, large ones to a storage of another origin), ranges, ETags.
 */
export class HubServer {
  readonly files = new Map<string, HubFile>();
  readonly asked: Asked[] = [];
  commit = COMMIT;
  /** Changes what the list says. */
  list: (listing: Record<string, unknown>) => unknown = (listing) => listing;
  hook: Hook | undefined;
  readonly #hub: Server;
  readonly #storage: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#hub = createServer((request, response) => this.#answer("hub", request, response));
    this.#storage = createServer((request, response) => this.#answer("storage", request, response));
    for (const server of [this.#hub, this.#storage])
      server.on("connection", (socket) => {
        this.#sockets.add(socket);
        socket.on("close", () => this.#sockets.delete(socket));
      });
  }

  static async start(): Promise<HubServer> {
    const server = new HubServer();
    for (const one of [server.#hub, server.#storage]) await new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#hub.address() as AddressInfo).port}`;
  }

  get storage(): string {
    return `http://127.0.0.1:${(this.#storage.address() as AddressInfo).port}`;
  }

  add(path: string, bytes: Uint8Array | string, large = false): void {
    this.files.set(path, { bytes: typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes, large });
  }

  /** Paths that were asked for since the last call, without their queries. */
  takePaths(): string[] {
    return this.asked.splice(0).map(({ path }) => path.replace(/\?.*/, ""));
  }

  reset(): void {
    this.files.clear();
    this.asked.length = 0;
    this.hook = undefined;
    this.list = (listing) => listing;
    this.commit = COMMIT;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of [this.#hub, this.#storage]) await new Promise((resolve) => server.close(resolve));
  }

  /** Sends bytes as a static server does: with ETag, ranges and conditions. */
  send(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array, etag = `"${sha256(bytes).slice(0, 16)}"`): void {
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
    const condition = request.headers["if-range"];
    if (request.headers["if-none-match"] === etag) return void response.writeHead(304, { etag }).end();
    if (range === null || (condition !== undefined && condition !== etag)) {
      response.writeHead(200, { etag, "content-length": bytes.length, "accept-ranges": "bytes" }).end(bytes);
      return;
    }
    const from = Number(range[1]);
    if (from >= bytes.length) return void response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    const rest = bytes.subarray(from);
    const part = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    response.writeHead(206, { etag, "content-length": rest.length, "content-range": part }).end(rest);
  }

  #answer(origin: Asked["origin"], request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "";
    this.asked.push({ origin, path, headers: request.headers });
    if (this.hook?.(request, response, path) === true) return;
    if (origin === "storage") {
      const file = this.files.get(decodeURIComponent(path.slice("/stored/".length).replace(/\?.*/, "")));
      return file === undefined ? void response.writeHead(404).end() : this.send(request, response, file.bytes);
    }
    const listed = /^\/api\/models\/owner\/model\/revision\/([^?]+)\?blobs=true$/.exec(path);
    if (listed !== null) {
      const revision = decodeURIComponent(listed[1] as string);
      if (!["main", "v1", "refs/pr/1", this.commit].includes(revision))
        return void response.writeHead(404, { "x-error-code": "RevisionNotFound" }).end();
      return void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(this.list(this.#listing())));
    }
    const cached = /^\/resolve-cache\/(.+)$/.exec(path);
    if (cached !== null) return this.send(request, response, this.files.get(decodeURIComponent(cached[1] as string))!.bytes);
    const resolved = /^\/owner\/model\/resolve\/([0-9a-f]{40})\/(.+)$/.exec(path);
    if (resolved === null) return void response.writeHead(404, { "x-error-code": "RepoNotFound" }).end();
    const name = decodeURIComponent(resolved[2] as string);
    const file = this.files.get(name);
    if (file === undefined) return void response.writeHead(404, { "x-error-code": "EntryNotFound" }).end();
    const location = file.large
      ? `${this.storage}/stored/${encodeURIComponent(name)}?signature=x`
      : `/resolve-cache/${encodeURIComponent(name)}`;
    response.writeHead(file.large ? 302 : 307, { location, "x-repo-commit": this.commit }).end();
  }

  #listing(): Record<string, unknown> {
    const siblings = [...this.files].map(([rfilename, { bytes, large }]) => ({
      rfilename,
      size: bytes.length,
      blobId: "0".repeat(40),
      ...(large ? { lfs: { sha256: sha256(bytes), size: bytes.length, pointerSize: 130 } } : {}),
    }));
    return { id: "owner/model", sha: this.commit, gated: false, siblings };
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
