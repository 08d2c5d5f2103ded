import { FormatError, LimitError, NetworkError } from "../errors.ts";
import { decodeUtf8 } from "../format/bytes.ts";
import type { Answer, Client } from "./client.ts";
import type { CacheDisk, PartFile } from "./disk.ts";

/** A file that is to be fetched. */
export interface Wanted {
  readonly url: URL;
  /** What errors call it. */
  readonly what: string;
  /** Bytes, where they are known beforehand. */
  readonly size?: number | undefined;
  readonly sha256?: string | undefined;
}

/** What tells a version of a file from another, as its server says it. */
export interface Validators {
  readonly etag: string | null;
  readonly modified: string | null;
}

/** No model that WebAssembly can hold needs more. */
const MAX_FILE_BYTES = 64 * 2 ** 30;
const MAX_STATE_BYTES = 1 << 16;

export function validatorsOf(headers: Headers): Validators {
  return { etag: headers.get("etag"), modified: headers.get("last-modified") };
}

/**
 * Fetches a file to its end. What a broken connection left, in this process or an earlier one, is gone on with, if the server still has
 * the same version (`Range`, `If-Range`); else it starts anew.
 * @param name of the file on the disk; while it is incomplete it is `name`.part
 * @throws NetworkError; FormatError for bytes that have another checksum or another length than the hub says; SourceError of the disk.
 */
export async function download(
  client: Client,
  disk: CacheDisk,
  name: string,
  wanted: Wanted,
  onProgress: (done: number, total: number | undefined) => void = () => undefined,
): Promise<Validators> {
  const part = `${name}.part`;
  const state = `${name}.state`;
  // A part of an earlier process may be damaged, where its machine went down: then once more from the start.
  for (let resumed = ((await disk.size(part)) ?? 0) > 0; ; resumed = false) {
    const file = await disk.part(part);
    let validators: Validators;
    try {
      validators = await fetchInto(client, disk, file, state, wanted, onProgress);
    } finally {
      await file.close();
    }
    if (wanted.sha256 === undefined || (await disk.sha256(part)) === wanted.sha256) {
      await disk.move(part, name);
      await disk.remove(state);
      return validators;
    }
    await disk.remove(part);
    await disk.remove(state);
    if (!resumed)
      throw new FormatError("has not the SHA-256 that the hub says: it was changed or damaged on its way", { file: wanted.what });
    client.note(`${wanted.what}: what was there of it is damaged; fetching it anew`);
  }
}

async function fetchInto(
  client: Client,
  disk: CacheDisk,
  file: PartFile,
  state: string,
  wanted: Wanted,
  onProgress: (done: number, total: number | undefined) => void,
): Promise<Validators> {
  const { url, what, size, sha256 } = wanted;
  let validators = await readState(disk, state, wanted);
  if (validators === undefined) await file.clear();
  for (let tries = 0; ; tries++) {
    const before = file.size;
    if (before > 0 && before === size && validators !== undefined) return validators;
    // Weak tags do not promise the same bytes (RFC 9110, 13.1.5); a checksum needs no such promise.
    const version = validators?.etag?.startsWith("W/") === false ? validators.etag : (validators?.modified ?? undefined);
    if (version === undefined && sha256 === undefined) await file.clear();
    const headers = file.size === 0 ? {} : { range: `bytes=${file.size}-`, ...(version === undefined ? {} : { "if-range": version }) };
    const answer = await client.get(url, what, { headers, accept: [206, 416] });
    const total = await startOf(client, answer, file, wanted, validators);
    if (total === "anew") continue;
    validators = validatorsOf(answer.headers);
    await writeState(disk, state, wanted, validators);
    let failure: NetworkError | undefined;
    try {
      for await (const chunk of answer.chunks()) {
        if (file.size + chunk.length > (total ?? MAX_FILE_BYTES)) {
          await file.clear();
          throw tooLong(wanted, total);
        }
        await file.append(chunk);
        onProgress(file.size, total);
      }
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      failure = error;
    } finally {
      await answer.cancel();
    }
    if (failure === undefined && (total === undefined || file.size === total)) return validators;
    failure ??= new NetworkError(`ended at byte ${file.size} of ${total}`, { file: what });
    if (file.size > before) tries = 0;
    await client.wait(tries, failure);
  }
}

/**
 * Makes the part ready for what an answer brings.
 * @returns bytes of the whole file, undefined where the server does not say; "anew" when it must be asked again for all of it
 */
async function startOf(
  client: Client,
  answer: Answer,
  file: PartFile,
  { what, size }: Wanted,
  before: Validators | undefined,
): Promise<number | undefined | "anew"> {
  const { status, headers } = answer;
  if (status === 206) {
    const [, first, total] = /^bytes (\d{1,16})-\d{1,16}\/(\d{1,16})$/.exec(headers.get("content-range") ?? "") ?? [];
    const tag = headers.get("etag");
    const same = tag === null || (before?.etag ?? tag) === tag;
    if (same && Number(first) === file.size && (size === undefined || Number(total) === size)) return Number(total);
  }
  if (status !== 200) {
    // Neither what follows, nor all of it.
    await answer.cancel();
    if (file.size === 0) throw new NetworkError("the server answers with a part that was not asked for", { file: what, status });
    client.note(`${what}: changed on the server; fetching it from the start`);
    await file.clear();
    return "anew";
  }
  if (file.size > 0) {
    const changed = before?.etag !== headers.get("etag") || before?.modified !== headers.get("last-modified");
    client.note(`${what}: ${changed ? "changed on the server" : "the server does not send parts"}; fetching it from the start`);
    await file.clear();
  }
  const coded = /\S/.test((headers.get("content-encoding") ?? "").replace("identity", ""));
  const length = coded ? null : headers.get("content-length");
  const told = length !== null && /^\d{1,16}$/.test(length) ? Number(length) : undefined;
  const wrong = size !== undefined && told !== undefined && told !== size;
  if (wrong || (told ?? 0) > MAX_FILE_BYTES) await answer.cancel();
  if (wrong) throw new FormatError(`has ${told} bytes on the server, and ${size} by the hub's list`, { file: what, limit: size });
  if ((told ?? 0) > MAX_FILE_BYTES)
    throw new LimitError(`has ${told} bytes, more than the ${MAX_FILE_BYTES} allowed`, { file: what, limit: MAX_FILE_BYTES });
  return size ?? told;
}

function tooLong({ what }: Wanted, total: number | undefined): FormatError | LimitError {
  return total === undefined
    ? new LimitError(`has more than the ${MAX_FILE_BYTES} bytes allowed`, { file: what, limit: MAX_FILE_BYTES })
    : new FormatError(`the server sends more than its ${total} bytes`, { file: what, limit: total });
}

/** Which version the part is of; undefined when it is of another file or nobody knows. */
async function readState(disk: CacheDisk, state: string, { url }: Wanted): Promise<Validators | undefined> {
  const bytes = await disk.read(state, MAX_STATE_BYTES).catch(() => undefined);
  if (bytes === undefined) return undefined;
  try {
    const said = JSON.parse(decodeUtf8(bytes) ?? "") as Record<string, unknown>;
    if (said["url"] !== url.href) return undefined;
    const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
    return { etag: text(said["etag"]), modified: text(said["modified"]) };
  } catch {
    return undefined;
  }
}

async function writeState(disk: CacheDisk, state: string, { url }: Wanted, validators: Validators): Promise<void> {
  await disk.write(state, async (sink) => sink(new TextEncoder().encode(JSON.stringify({ url: url.href, ...validators }))));
}
