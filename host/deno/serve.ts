import { AddressError } from "../../src/errors.ts";
import { LISTEN_OPTIONS, type Listen } from "../../src/host.ts";
import { checkOptions } from "../../src/options.ts";
import { deno } from "./runtime.ts";

/** Answers that are complete get this long to reach their clients, in milliseconds. */
const FLUSH_MS = 2000;

/** Listens with Deno.serve; needs `--allow-net=HOST:PORT`. A client that goes away aborts its request's signal and cancels the body of its response. */
export const listen: Listen = async (fetch, options) => {
  checkOptions(options, LISTEN_OPTIONS, "listen");
  const { hostname, port } = options;
  try {
    const server = deno.serve({ hostname, port, onListen: () => undefined }, fetch);
    return {
      hostname,
      port: server.addr.port,
      async close() {
        let rest: ReturnType<typeof setTimeout> | undefined;
        // It waits for all requests, also for one whose body never comes to its end.
        await Promise.race([server.shutdown(), new Promise((resolve) => (rest = setTimeout(resolve, FLUSH_MS)))]);
        clearTimeout(rest);
      },
    };
  } catch (cause) {
    throw addressError(cause, hostname, port);
  }
};

function addressError(cause: unknown, hostname: string, port: number): AddressError {
  const { errors } = deno;
  const meaning = cause instanceof errors.AddrInUse ? `port ${port} is in use: stop the other program, or choose another port (0 takes any that is free)`
    : cause instanceof errors.NotCapable ? `Deno may not listen there: run with --allow-net=${hostname}:${port}`
    : cause instanceof errors.PermissionDenied ? `port ${port} may not be opened: choose one above 1023`
    : cause instanceof errors.AddrNotAvailable ? "is not an address of this machine: use 127.0.0.1 for this machine alone, 0.0.0.0 for all networks"
    : `cannot listen: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new AddressError(meaning, { file: hostname, cause });
}
