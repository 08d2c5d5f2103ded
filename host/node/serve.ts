import type { AddressInfo } from "node:net";
import { AddressError } from "../../src/errors.ts";
import { LISTEN_OPTIONS, type Listen } from "../../src/host.ts";
import { checkOptions } from "../../src/options.ts";

/** Answers that are complete get this long to reach their clients, in milliseconds. */
const FLUSH_MS = 2000;
const POLL_MS = 20;

/** Listens with node:http. A client that goes away aborts its request's signal and cancels the body of its response. */
export const listen: Listen = async (fetch, options) => {
  checkOptions(options, LISTEN_OPTIONS, "listen");
  const { hostname, port } = options;
  // Imported here: whoever only loads a model need not wait for a web server.
  const [{ createServer }, { getRequestListener }] = await Promise.all([import("node:http"), import("@hono/node-server")]);
  const server = createServer(getRequestListener(fetch, {
    overrideGlobalObjects: false,
    // What cannot even become a Request: a broken URL or Host header.
    errorHandler: () => Response.json({ error: { message: "the request's URL or Host header is broken", type: "invalid_request_error", param: null, code: "bad_request" } }, { status: 400 }),
  }));
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(addressError(cause, hostname, port)));
    server.listen(port, hostname, resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    hostname,
    port: address.port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // A connection that is kept alive becomes idle only when its last answer is out.
      const idle = setInterval(() => server.closeIdleConnections(), POLL_MS);
      const rest = setTimeout(() => server.closeAllConnections(), FLUSH_MS);
      await closed;
      clearInterval(idle);
      clearTimeout(rest);
    },
  };
};

function addressError(cause: NodeJS.ErrnoException, hostname: string, port: number): AddressError {
  const meaning: Record<string, string> = {
    EADDRINUSE: `port ${port} is in use: stop the other program, or choose another port (0 takes any that is free)`,
    EACCES: `port ${port} may not be opened: choose one above 1023`,
    EADDRNOTAVAIL: "is not an address of this machine: use 127.0.0.1 for this machine alone, 0.0.0.0 for all networks",
    ENOTFOUND: "is not the name of an address: use 127.0.0.1 for this machine alone, 0.0.0.0 for all networks",
  };
  return new AddressError(meaning[cause.code ?? ""] ?? `cannot listen: ${cause.message}`, { file: hostname, cause });
}
