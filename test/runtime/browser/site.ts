import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const ISOLATED = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

/** A page that has the library as `blockffn`: a plain module script, no bundler. */
const PAGE = `<!doctype html><script type="module">import * as blockffn from "/dist/browser/blockffn.js"; Object.assign(globalThis, { blockffn });</script>`;

/** The example's own server on a free port, with a say for tests: what `intercept` answers itself (true) is not passed on. */
export class Site {
  readonly requests: { readonly method: string; readonly path: string; readonly range: string | undefined }[] = [];
  intercept: (request: IncomingMessage, response: ServerResponse, path: string) => boolean = () => false;
  readonly #server: Server;

  private constructor(answer: Answer) {
    this.#server = createServer((request, response) => {
      const path = request.url ?? "";
      this.requests.push({ method: request.method ?? "", path, range: request.headers.range });
      if (path === "/test" || path === "/isolated")
        response.writeHead(200, { "Content-Type": "text/html", ...(path === "/isolated" && ISOLATED) }).end(PAGE);
      else if (!this.intercept(request, response, path)) answer(request, response);
    });
  }

  static async start(): Promise<Site> {
    const { answer } = (await import(join(import.meta.dirname, "../../../scripts/serve.mjs"))) as { answer: Answer };
    const site = new Site(answer);
    await new Promise<void>((resolve) => site.#server.listen(0, "127.0.0.1", resolve));
    return site;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How often a path was asked for with a method. */
  count(method: string, path: string): number {
    return this.requests.filter((request) => request.method === method && request.path === path).length;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
