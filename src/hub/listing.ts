import * as v from "valibot";
import { FormatError, LimitError } from "../errors.ts";
import { decodeUtf8 } from "../format/bytes.ts";
import type { Client } from "./client.ts";
import { hubLocation, isRepoPath, type HubPlace } from "./place.ts";

/** A file of a repository. */
export interface RepoFile {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** SHA-256 of what is kept in large-file storage; the hub gives none of small files. */
  readonly sha256: string | undefined;
}

/** A repository at one commit. */
export interface Listing {
  readonly commit: string;
  readonly files: ReadonlyMap<string, RepoFile>;
}

const MAX_BYTES = 32 << 20;
const MAX_FILES = 100_000;
/** Whether a revision is a commit, which never changes. */
export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);

const Size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Siblings = v.object({
  sha: v.pipe(v.string(), v.check(isCommit, "must be a commit")),
  siblings: v.array(
    v.object({
      rfilename: v.string(),
      size: v.nullish(Size),
      lfs: v.nullish(v.object({ sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)), size: Size })),
    }),
  ),
});

/**
 * Asks the hub which files a repository has at a revision (`GET /api/models/OWNER/NAME/revision/REVISION?blobs=true`).
 * @throws NetworkError when it does not say; FormatError or LimitError when it says what cannot be.
 */
export async function fetchListing(client: Client, place: HubPlace, revision = place.revision): Promise<Listing> {
  const what = hubLocation(place);
  const path = `api/models/${place.owner}/${place.repo}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const body = await client.getWhole(new URL(path, client.settings.endpoint), what, MAX_BYTES);
  const { sha, siblings } = parse(body, what);
  if (siblings.length > MAX_FILES)
    throw new LimitError(`has more than ${MAX_FILES} files`, { file: what, field: "siblings", limit: MAX_FILES });
  const files = new Map<string, RepoFile>();
  for (const { rfilename, size, lfs } of siblings) {
    if (!isRepoPath(rfilename))
      throw new FormatError(`the hub lists ${JSON.stringify(rfilename.slice(0, 200))}, which is no file of a repository`, {
        file: what,
        field: "siblings",
      });
    const bytes = lfs?.size ?? size;
    if (bytes === undefined || bytes === null)
      throw new FormatError("the hub does not say how large it is", { file: what, field: rfilename });
    files.set(rfilename, { path: rfilename, size: bytes, sha256: lfs?.sha256 });
  }
  return { commit: sha, files };
}

/** Where the hub gives a file (`GET /OWNER/NAME/resolve/COMMIT/FILE`). */
export function resolveUrl(endpoint: URL, { owner, repo }: HubPlace, commit: string, path: string): URL {
  return new URL(`${owner}/${repo}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`, endpoint);
}

function parse(body: Uint8Array, what: string): v.InferOutput<typeof Siblings> {
  let json: unknown;
  try {
    json = JSON.parse(decodeUtf8(body) ?? "");
  } catch (cause) {
    throw new FormatError("the hub's answer is no JSON: is HF_ENDPOINT a hub?", { file: what, cause });
  }
  const result = v.safeParse(Siblings, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new FormatError(`the hub's answer is not as documented: ${issue.message}`, { file: what, field: v.getDotPath(issue) ?? "answer" });
}
