import { SourceError, UsageError } from "../errors.ts";

/** Gives an environment variable. */
export type Env = (name: string) => string | undefined;

/** What the environment says about the hub. */
export interface HubSettings {
  /** Where the hub is; its path ends in "/". */
  readonly endpoint: URL;
  /** Sent to the endpoint's origin alone. */
  readonly token: string | undefined;
  /** Nothing is asked of any server. */
  readonly offline: boolean;
}

export const ENDPOINT = "HF_ENDPOINT";
export const TOKEN = "HF_TOKEN";
export const OFFLINE = "BLOCKFFN_OFFLINE";
export const CACHE = "BLOCKFFN_CACHE";
const HUB_OFFLINE = "HF_HUB_OFFLINE";
const DEFAULT_ENDPOINT = "https://huggingface.co";

/** @throws UsageError for a value that cannot be used. */
export function hubSettings(env: Env): HubSettings {
  return { endpoint: endpointOf(env(ENDPOINT)), token: tokenOf(env(TOKEN)), offline: isSet(env(OFFLINE)) || isSet(env(HUB_OFFLINE)) };
}

/**
 * The folder of the cache: BLOCKFFN_CACHE; else `blockffn` in XDG_CACHE_HOME (freedesktop.org, "XDG Base Directory Specification": a
 * relative one counts as none), on Windows in LOCALAPPDATA; else `~/.cache/blockffn`.
 * @throws SourceError when the environment names no place.
 */
export function cacheFolder(env: Env): string {
  const own = env(CACHE);
  if (own !== undefined && own !== "") return own;
  const base = [env("XDG_CACHE_HOME"), env("LOCALAPPDATA")].find((path) => path !== undefined && /^(\/|[A-Za-z]:[\\/])/.test(path));
  if (base !== undefined) return `${base}/blockffn`;
  const home = env("HOME") ?? env("USERPROFILE");
  if (home === undefined || home === "")
    throw new SourceError(`there is no place for fetched models: set ${CACHE} to a folder`, { field: CACHE });
  return `${home}/.cache/blockffn`;
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && !/^(|0|false|no|off)$/i.test(value.trim());
}

function endpointOf(value: string | undefined): URL {
  const text = value === undefined || value.trim() === "" ? DEFAULT_ENDPOINT : value.trim();
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "" || url.search !== "") {
    throw new UsageError(`must be an http(s) URL, such as ${DEFAULT_ENDPOINT}`, { file: ENDPOINT });
  }
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  url.hash = "";
  return url;
}

/** What is no token is told without being shown. */
function tokenOf(value: string | undefined): string | undefined {
  const token = value?.trim();
  if (token === undefined || token === "") return undefined;
  if (!/^[\x21-\x7e]{1,4096}$/.test(token)) throw new UsageError("holds characters that no token has", { file: TOKEN });
  return token;
}
