import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { ApiError } from "./errors.ts";

/** Seconds that a browser may go by the answer to a preflight request. */
const PREFLIGHT_SECONDS = 600;

type Check = (name: string) => boolean;

/** Lets pages of allowed sites use the server (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol), and refuses those of others. */
export function pageGuards(allowOrigin: Check | undefined, allowHost: Check | undefined): MiddlewareHandler[] {
  const guards: MiddlewareHandler[] = [];
  guards.push(async ({ req, header }, next) => {
    const origin = req.header("origin");
    const preflight = req.method === "OPTIONS" && req.header("access-control-request-method") !== undefined;
    // Without a rule no page gets leave, but other programs that name an origin are none of its business.
    if (origin !== undefined && (allowOrigin === undefined ? preflight : !allowOrigin(origin))) throw otherSite(origin);
    await next();
    // Chromium asks before a page of the Internet may talk to this machine or its network.
    const asksForNetwork = req.header("access-control-request-private-network") === "true";
    if (allowOrigin !== undefined && asksForNetwork) header("access-control-allow-private-network", "true");
  });
  if (allowOrigin !== undefined) {
    guards.push(
      cors({
        origin: (origin) => (origin === "" ? null : origin),
        allowMethods: ["GET", "HEAD", "POST"],
        exposeHeaders: ["Retry-After"],
        maxAge: PREFLIGHT_SECONDS,
      }),
    );
  }
  // After those above, so that a page that may use the server can read why it may not by this name.
  if (allowHost !== undefined) {
    guards.push(async ({ req }, next) => {
      const { hostname } = new URL(req.url);
      if (!allowHost(hostname)) throw otherHost(hostname);
      await next();
    });
  }
  return guards;
}

function otherSite(origin: string): ApiError {
  const site = origin.slice(0, 100);
  const advice = `start it with --cors ${site} (in the library: allowOrigin)`;
  return new ApiError(403, "invalid_request_error", `pages of ${site} may not use this server; to let them, ${advice}`, {
    code: "origin_not_allowed",
    headers: { vary: "Origin" },
  });
}

function otherHost(hostname: string): ApiError {
  const advice = "ask for localhost or 127.0.0.1, or start it with an API key";
  return new ApiError(403, "invalid_request_error", `this server does not answer to the name ${hostname.slice(0, 100)}: ${advice}`, {
    code: "host_not_allowed",
  });
}
