import { lookup } from "node:dns/promises";
import { AddressError } from "../../src/errors.ts";
import { LISTEN_OPTIONS, type Listen } from "../../src/host.ts";
import { checkOptions } from "../../src/options.ts";
import { listen as listenHttp, NO_ADDRESS } from "../http/listen.ts";
import { deno } from "./runtime.ts";

/**
 * Listens on Deno; needs `--allow-net=ADDRESS:PORT`. A client that goes away aborts its request's signal and cancels the body of its
 * response. By node:http, not Deno.serve, which tells of some clients only that they left, waits for slow ones without end, and hands
 * over requests whose URL is none.
 */
export const listen: Listen = async (fetch, options) => {
  checkOptions(options, LISTEN_OPTIONS, "listen");
  const { hostname, port } = options;
  const address = await addressOf(hostname);
  // A refusal comes to node:http where nobody could catch it.
  const host = `${address.includes(":") ? `[${address}]` : address}:${port}`;
  if (deno.permissions.requestSync({ name: "net", host }).state !== "granted") {
    throw new AddressError(`Deno may not listen there: run with --allow-net=${host}`, { file: hostname });
  }
  return { ...(await listenHttp(fetch, { ...options, hostname: address })), hostname };
};

async function addressOf(hostname: string): Promise<string> {
  try {
    return (await lookup(hostname)).address;
  } catch (cause) {
    const denied = (cause as { readonly code?: string }).code === "EPERM";
    throw new AddressError(denied ? "Deno may not look up names: use an address, such as 127.0.0.1, or run with --allow-net" : NO_ADDRESS, {
      file: hostname,
      cause,
    });
  }
}
