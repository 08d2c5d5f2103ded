import type { Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AddressError } from "../../src/errors.ts";
import { CONNECTION_LIMITS, LISTEN_OPTIONS, type ConnectionLimits, type Listen, type Listening } from "../../src/host.ts";
import { checkOptions } from "../../src/options.ts";

/** What a stranger may hold open where `listen` is told nothing else. A body of 1 MiB in a minute is 140 kbit/s. */
const LIMITS: Required<ConnectionLimits> = { connections: 512, headersMs: 15_000, requestMs: 60_000, unreadMs: 30_000 };
/** How often connections are looked at, in milliseconds, where the times above are not shorter still. */
const CHECK_MS = 1000;
/** Answers that are complete get this long to reach their clients when a server is closed, in milliseconds. */
const FLUSH_MS = 2000;
const POLL_MS = 20;

/** A name that nobody knows was given as an address. */
export const NO_ADDRESS = "is not the name of an address: use 127.0.0.1 for this machine alone, 0.0.0.0 for all networks";

/**
 * Listens with node:http, which Node and Deno have. A client that goes away aborts its request's signal and cancels the body of its
 * response; one that sends its headers or body too slowly, or does not read a whole answer, is disconnected.
 */
export const listen: Listen = async (fetch, options) => {
  checkOptions(options, LISTEN_OPTIONS, "listen");
  const { hostname, port, limits = {} } = options;
  checkOptions(limits, CONNECTION_LIMITS, "listen's limits");
  const { connections, headersMs, requestMs, unreadMs } = { ...LIMITS, ...limits };
  // Imported here: whoever only loads a model need not wait for a web server.
  const [{ createServer }, { getRequestListener }] = await Promise.all([import("node:http"), import("@hono/node-server")]);
  const answer = getRequestListener(fetch, {
    overrideGlobalObjects: false,
    // HTTP/1.0 need not say which host it wants.
    hostname: "localhost",
    // What cannot even become a Request: a broken URL or Host header.
    errorHandler: () => {
      const error = {
        message: "the request's URL or Host header is broken",
        type: "invalid_request_error",
        param: null,
        code: "bad_request",
      };
      return Response.json({ error }, { status: 400 });
    },
  });
  const server = createServer(
    { headersTimeout: headersMs, requestTimeout: requestMs, connectionsCheckingInterval: Math.min(CHECK_MS, headersMs, requestMs) },
    (incoming, outgoing) => {
      disconnectUnread(outgoing, unreadMs);
      void answer(incoming, outgoing);
    },
  );
  server.maxConnections = connections;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(addressError(cause, hostname, port)));
    server.listen(port, hostname, resolve);
  });
  return { hostname, port: (server.address() as AddressInfo).port, close: () => close(server) };
};

/** An answer that is complete, but for a client that does not read it, would be held for ever. */
function disconnectUnread(outgoing: ServerResponse, unreadMs: number): void {
  outgoing.once("prefinish", () => {
    const unread = setTimeout(() => outgoing.destroy(), unreadMs);
    outgoing.once("close", () => clearTimeout(unread));
  });
}

async function close(server: Server): ReturnType<Listening["close"]> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection that is kept alive becomes idle only when its last answer is out.
  const idle = setInterval(() => server.closeIdleConnections(), POLL_MS);
  const rest = setTimeout(() => server.closeAllConnections(), FLUSH_MS);
  await closed;
  clearInterval(idle);
  clearTimeout(rest);
}

function addressError(cause: NodeJS.ErrnoException, hostname: string, port: number): AddressError {
  const foreign = "is not an address of this machine: use 127.0.0.1 for this machine alone, 0.0.0.0 for all networks";
  const meaning: Record<string, string> = {
    EADDRINUSE: `port ${port} is in use: stop the other program, or choose another port (0 takes any that is free)`,
    EACCES: `port ${port} may not be opened: choose one above 1023`,
    EADDRNOTAVAIL: foreign,
    // Deno's name for it.
    EINVAL: foreign,
    ENOTFOUND: NO_ADDRESS,
  };
  return new AddressError(meaning[cause.code ?? ""] ?? `cannot listen: ${cause.message}`, { file: hostname, cause });
}
