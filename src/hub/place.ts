import { UsageError } from "../errors.ts";

/** A file of a repository of the hub, or the repository as a model's folder. */
export interface HubPlace {
  readonly kind: "hub";
  readonly owner: string;
  readonly repo: string;
  /** Branch, tag, `refs/pr/N` or commit. */
  readonly revision: string;
  /** A packed model or a GGUF file in it; undefined: the repository is the model. */
  readonly file: string | undefined;
}

/** A file that a server has. */
export interface UrlPlace {
  readonly kind: "url";
  readonly url: URL;
}

/** Where a model is, by how its location is written. */
export type Place =
  HubPlace | UrlPlace | { readonly kind: "name"; readonly name: string } | { readonly kind: "path"; readonly path: string };

/** Names of models have no separator and no dot: what has one is a path. Longer ones than packages may have are none. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,95}$/;
/** Owners and repositories, as the hub lets people name them. */
const OWNER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$/;
const REVISION = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,254}$/;
const MAX_REPO_PATH = 1024;
const FORM = "hf:OWNER/NAME, hf:OWNER/NAME@REVISION or hf:OWNER/NAME:FILE";

/**
 * What a location means: `hf:owner/name[@revision][:file]`, an http(s) URL, a name (`chat`), or else a path (`./chat`, `chat.safetensors`).
 * @throws UsageError for an `hf:` location that is none, and a URL that holds a password.
 */
export function placeOf(location: string): Place {
  if (/^hf:/i.test(location)) return hubPlace(location.slice("hf:".length));
  if (/^https?:/i.test(location)) return { kind: "url", url: webUrl(location) };
  return NAME.test(location) ? { kind: "name", name: location } : { kind: "path", path: location };
}

/** A hub's place as people write it. */
export function hubLocation({ owner, repo, revision, file }: HubPlace): string {
  return `hf:${owner}/${repo}${revision === "main" ? "" : `@${revision}`}${file === undefined ? "" : `:${file}`}`;
}

/** A place as people write it; a URL without its query, which may hold a signature. */
export function locationOfPlace(place: HubPlace | UrlPlace): string {
  return place.kind === "hub" ? hubLocation(place) : `${place.url.origin}${place.url.pathname}`;
}

/** Whether a text is the path of a file inside a repository: it can lead nowhere else. */
export function isRepoPath(path: string): boolean {
  if (path.length === 0 || path.length > MAX_REPO_PATH || /[\\\p{Cc}\p{Cs}]/u.test(path)) return false;
  return path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

function hubPlace(text: string): HubPlace {
  const [, owner = "", repo = "", revision = "main", file] = /^([^/@:]*)\/([^/@:]*)(?:@([^:]*))?(?::(.*))?$/s.exec(text) ?? [];
  const wrong = (what: string): never => {
    throw new UsageError(`${what}; models of the hub are written ${FORM}`, { file: `hf:${text}` });
  };
  const plain = (name: string): boolean => OWNER.test(name) && !name.includes("..");
  if (!plain(owner) || !plain(repo)) wrong("names no repository");
  if (!REVISION.test(revision) || revision.includes("..") || revision.includes("//") || revision.endsWith("/"))
    wrong(`${JSON.stringify(revision.slice(0, 200))} is no revision`);
  if (file !== undefined && !isRepoPath(file)) wrong(`${JSON.stringify(file.slice(0, 200))} is no file of a repository`);
  return { kind: "hub", owner, repo, revision, file };
}

function webUrl(location: string): URL {
  const url = URL.canParse(location) ? new URL(location) : undefined;
  if (url === undefined || url.hostname === "") throw new UsageError("is no URL", { file: location });
  // Errors, lists and records would show it.
  if (url.username !== "" || url.password !== "") throw new UsageError("a URL that holds a user name or password is not taken");
  url.hash = "";
  return url;
}
