import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { UsageError } from "../errors.ts";
import { ApiError } from "./errors.ts";

/** Seconds that a browser may go by the answer to a preflight request. */
const PREFLIGHT_SECONDS = 600;
const ANY = "*";

/** Sites whose pages may use a server: their origins, such as `https://app.example`, `null` (pages of files), or `*`; or a function that knows. */
export type AllowedOrigins = readonly string[] | ((origin: string) => boolean);

/** Tells whether an origin is one of those that are listed. @throws UsageError for one that no browser would send. */
export function originCheck(origins: AllowedOrigins): (origin: string) => boolean {
  if (typeof origins === "function") return origins;
  if (!Array.isArray(origins)) throw new UsageError("must be a list of origins, or a function", { field: "allowOrigin" });
  const known = new Set(origins.map(readOrigin));
  return (origin) => known.has(ANY) || known.has(origin.toLowerCase());
}

/** An origin as browsers write it: scheme, host, and the port unless it is the scheme's own. */
function readOrigin(text: string): string {
  if (text === ANY || text === "null") return text;
  const [, scheme, host] = /^([a-z][a-z0-9+.-]*):\/\/([^\s/?#@*]+)\/?$/i.exec(text) ?? [];
  const web = scheme !== undefined && /^https?$/i.test(scheme);
  if (host === undefined || (web && !URL.canParse(text))) {
    throw new UsageError(`${JSON.stringify(text.slice(0, 100))} is no origin: write a site as https://app.example or http://localhost:3000, without a path; * for all`, { field: "allowOrigin" });
  }
  return web ? new URL(text).origin : `${scheme}://${host}`.toLowerCase();
}

/** Lets pages of allowed sites use the server (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol), and refuses those of others. */
export function pageGuards(allowOrigin: ((origin: string) => boolean) | undefined, allowHost: ((hostname: string) => boolean) | undefined): MiddlewareHandler[] {
  const guards: MiddlewareHandler[] = [];
  if (allowHost !== undefined) {
    guards.push(async ({ req }, next) => {
      const { hostname } = new URL(req.url);
      if (!allowHost(hostname)) throw otherHost(hostname);
      await next();
    });
  }
  guards.push(async ({ req, header }, next) => {
    const origin = req.header("origin");
    const preflight = req.method === "OPTIONS" && req.header("access-control-request-method") !== undefined;
    // Without a rule no page gets leave, but other programs that name an origin are none of its business.
    if (origin !== undefined && (allowOrigin === undefined ? preflight : !allowOrigin(origin))) throw otherSite(origin);
    await next();
    // Chromium asks before a page of the Internet may talk to this machine or its network.
    if (allowOrigin !== undefined && req.header("access-control-request-private-network") === "true") header("access-control-allow-private-network", "true");
  });
  if (allowOrigin !== undefined) {
    guards.push(cors({ origin: (origin) => (origin === "" ? null : origin), allowMethods: ["GET", "HEAD", "POST"], exposeHeaders: ["Retry-After"], maxAge: PREFLIGHT_SECONDS }));
  }
  return guards;
}

function otherSite(origin: string): ApiError {
  const site = origin.slice(0, 100);
  return new ApiError(403, "invalid_request_error", `pages of ${site} may not use this server; to let them, start it with --cors ${site} (in the library: allowOrigin)`, {
    code: "origin_not_allowed", headers: { vary: "Origin" },
  });
}

function otherHost(hostname: string): ApiError {
  return new ApiError(403, "invalid_request_error", `this server does not answer to the name ${hostname.slice(0, 100)}: ask for localhost or 127.0.0.1, or start it with an API key`, { code: "host_not_allowed" });
}
