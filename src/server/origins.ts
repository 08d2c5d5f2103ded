import { UsageError } from "../errors.ts";

const ANY = "*";

/**
 * Sites whose pages may use a server: their origins, such as `https://app.example`, `null` (pages of files), or `*`; or a function that
 * knows.
 */
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
    const how = "write a site as https://app.example or http://localhost:3000, without a path; * for all";
    throw new UsageError(`${JSON.stringify(text.slice(0, 100))} is no origin: ${how}`, { field: "allowOrigin" });
  }
  return web ? new URL(text).origin : `${scheme}://${host}`.toLowerCase();
}
