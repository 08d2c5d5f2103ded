import { FormatError, LimitError } from "../../errors.ts";
import { decodeUtf8, isPrintable, readRange } from "../bytes.ts";
import type { ByteSource } from "../source.ts";

/** Most entries of an archive. */
export const MAX_ZIP_ENTRIES = 65_536;
/** Largest central directory. */
export const MAX_ZIP_DIRECTORY_BYTES = 16 << 20;

const END = 0x06054b50,
  END_BYTES = 22;
const END64 = 0x06064b50,
  END64_BYTES = 56;
const LOCATOR64 = 0x07064b50,
  LOCATOR64_BYTES = 20;
const CENTRAL = 0x02014b50,
  CENTRAL_BYTES = 46;
const LOCAL = 0x04034b50,
  LOCAL_BYTES = 30;
const ENCRYPTED = 1;
const STORED = 0;

/** A stored (not compressed) file of an archive. */
export interface ZipEntry {
  readonly name: string;
  /** Bytes of its data. */
  readonly size: number;
  readonly headerOffset: number;
  /** Where the next entry or the directory begins: its data end before. */
  readonly boundary: number;
}

/** Directory of a zip archive whose files are stored, as torch.save writes it. */
export class ZipDirectory {
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly #source: ByteSource;
  readonly #dataOffsets = new Map<string, number>();

  constructor(source: ByteSource, entries: ReadonlyMap<string, ZipEntry>) {
    this.#source = source;
    this.entries = entries;
  }

  /**
   * Offset of an entry's data in the file, from its local header (read once).
   * @throws FormatError when that disagrees with the directory or the data would run into what follows.
   */
  async dataOffset(entry: ZipEntry): Promise<number> {
    const known = this.#dataOffsets.get(entry.name);
    if (known !== undefined) return known;
    const file = this.#source.name;
    const field = entry.name;
    const nameBytes = new TextEncoder().encode(entry.name);
    const view = viewOf(await readRange(this.#source, entry.headerOffset, LOCAL_BYTES + nameBytes.length, field));
    const local = new Uint8Array(view.buffer, view.byteOffset + LOCAL_BYTES);
    if (view.getUint32(0, true) !== LOCAL || view.getUint16(26, true) !== nameBytes.length || !nameBytes.every((b, i) => b === local[i])) {
      throw new FormatError("its local header disagrees with the directory", { file, field });
    }
    if (view.getUint16(8, true) !== STORED) throw new FormatError("it is compressed; only stored entries are supported", { file, field });
    const offset = entry.headerOffset + LOCAL_BYTES + nameBytes.length + view.getUint16(28, true);
    if (offset + entry.size > entry.boundary)
      throw new FormatError(`its ${entry.size} bytes run into what follows at byte ${entry.boundary}`, { file, field });
    this.#dataOffsets.set(entry.name, offset);
    return offset;
  }

  /** Reads a whole entry of at most `limit` bytes. */
  async read(entry: ZipEntry, limit: number): Promise<Uint8Array> {
    if (entry.size > limit) {
      throw new LimitError(`it has ${entry.size} bytes, more than the ${limit} allowed`, {
        file: this.#source.name,
        field: entry.name,
        limit,
      });
    }
    return readRange(this.#source, await this.dataOffset(entry), entry.size, entry.name);
  }
}

/**
 * Reads the directory at the end of a zip file (zip64 too). Every entry must be stored, lie before the directory and not
 * overlap another; the rest is checked against the local headers by `dataOffset`.
 * @throws FormatError, LimitError; SourceError from the source.
 */
export async function openZip(source: ByteSource): Promise<ZipDirectory> {
  const file = source.name;
  const field = "zip directory";
  const { count, size, offset } = await findDirectory(source);
  if (count > MAX_ZIP_ENTRIES) throw new LimitError(`${count} entries`, { file, field, limit: MAX_ZIP_ENTRIES });
  if (size > MAX_ZIP_DIRECTORY_BYTES) throw new LimitError(`${size} bytes`, { file, field, limit: MAX_ZIP_DIRECTORY_BYTES });
  if (count * CENTRAL_BYTES > size) throw new FormatError(`${count} entries do not fit into ${size} bytes`, { file, field });
  const bytes = await readRange(source, offset, size, field);
  const found: { name: string; size: number; headerOffset: number; end: number }[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const entry = readCentralHeader(bytes.subarray(at), file);
    found.push(entry);
    at += entry.headerBytes;
  }
  found.sort((a, b) => a.headerOffset - b.headerOffset);
  const entries = new Map<string, ZipEntry>();
  found.forEach(({ name, size, headerOffset, end }, i) => {
    const boundary = found[i + 1]?.headerOffset ?? offset;
    if (end > boundary) throw new FormatError(`its ${size} bytes run into what follows at byte ${boundary}`, { file, field: name });
    if (entries.has(name)) throw new FormatError("the archive has this entry twice", { file, field: name });
    entries.set(name, { name, size, headerOffset, boundary });
  });
  return new ZipDirectory(source, entries);
}

interface DirectoryPlace {
  readonly count: number;
  readonly size: number;
  readonly offset: number;
}

/** Finds the end record, whose comment must reach exactly to the end of the file, and from it the directory. */
async function findDirectory(source: ByteSource): Promise<DirectoryPlace> {
  const fail = (message: string): never => {
    throw new FormatError(message, { file: source.name, field: "zip directory" });
  };
  const tailLength = Math.min(source.size, END_BYTES + 0xffff + LOCATOR64_BYTES);
  const tailOffset = source.size - tailLength;
  const tail = viewOf(await readRange(source, tailOffset, tailLength, "zip directory"));
  let at = tailLength - END_BYTES;
  while (at >= 0 && !(tail.getUint32(at, true) === END && at + END_BYTES + tail.getUint16(at + 20, true) === tailLength)) at--;
  if (at < 0) {
    return fail(
      "no zip directory found: the file is cut short, or not the zip format of torch.save (PyTorch 1.6 or later); save it " +
        "again with a current PyTorch or as safetensors",
    );
  }
  let place: DirectoryPlace = {
    count: tail.getUint16(at + 10, true),
    size: tail.getUint32(at + 12, true),
    offset: tail.getUint32(at + 16, true),
  };
  let limit = tailOffset + at;
  let oneDisk = tail.getUint16(at + 4, true) === 0 && tail.getUint16(at + 8, true) === place.count;
  const locator = at - LOCATOR64_BYTES;
  if (locator >= 0 && tail.getUint32(locator, true) === LOCATOR64) {
    const end64 = readU64(tail, locator + 8);
    limit = tailOffset + locator;
    if (end64 === undefined || end64 > limit - END64_BYTES) return fail("the zip64 end record is outside the file");
    const record = viewOf(await readRange(source, end64, END64_BYTES, "zip directory"));
    const count = readU64(record, 32),
      size = readU64(record, 40),
      offset = readU64(record, 48);
    if (record.getUint32(0, true) !== END64 || count === undefined || size === undefined || offset === undefined) {
      return fail("the zip64 end record is damaged");
    }
    limit = end64;
    oneDisk = record.getUint32(16, true) === 0 && record.getUint32(20, true) === 0 && readU64(record, 24) === count;
    place = { count, size, offset };
  }
  if (!oneDisk) return fail("archives over several disks are not supported");
  if (place.size > limit || place.offset > limit - place.size) return fail("the directory is outside the file");
  return place;
}

/** Reads one header of the directory at the start of `bytes`; `end` is the least offset at which the entry's data can end. */
function readCentralHeader(bytes: Uint8Array, file: string) {
  const field = "zip directory";
  const view = viewOf(bytes);
  if (bytes.length < CENTRAL_BYTES || view.getUint32(0, true) !== CENTRAL)
    throw new FormatError("a directory entry is damaged", { file, field });
  const nameLength = view.getUint16(28, true);
  const extraLength = view.getUint16(30, true);
  const headerBytes = CENTRAL_BYTES + nameLength + extraLength + view.getUint16(32, true);
  if (headerBytes > bytes.length) throw new FormatError("a directory entry is cut short", { file, field });
  const name = decodeUtf8(bytes.subarray(CENTRAL_BYTES, CENTRAL_BYTES + nameLength));
  if (name === undefined || name === "" || !isPrintable(name)) throw new FormatError("an entry's name is not plain text", { file, field });
  if ((view.getUint16(8, true) & ENCRYPTED) !== 0) throw new FormatError("it is encrypted", { file, field: name });
  if (view.getUint16(10, true) !== STORED) {
    throw new FormatError(`it is compressed (method ${view.getUint16(10, true)}); only stored entries are supported`, {
      file,
      field: name,
    });
  }
  // The zip64 extra field holds, in this order, whichever of these is all ones in the header.
  const extra = zip64Extra(bytes.subarray(CENTRAL_BYTES + nameLength, CENTRAL_BYTES + nameLength + extraLength));
  let at = 0;
  const wide = (value: number): number => {
    if (value !== 0xffffffff) return value;
    const wideValue = extra !== undefined && at + 8 <= extra.byteLength ? readU64(extra, at) : undefined;
    if (wideValue === undefined) throw new FormatError("its 64-bit sizes are missing or too large", { file, field: name });
    at += 8;
    return wideValue;
  };
  const size = wide(view.getUint32(24, true));
  const storedSize = wide(view.getUint32(20, true));
  const headerOffset = wide(view.getUint32(42, true));
  const end = headerOffset + LOCAL_BYTES + nameLength + size;
  if (size !== storedSize) throw new FormatError("its two sizes differ though it is not compressed", { file, field: name });
  return { name, size, headerOffset, end, headerBytes };
}

function zip64Extra(bytes: Uint8Array): DataView | undefined {
  const view = viewOf(bytes);
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = view.getUint16(at + 2, true);
    if (at + 4 + length > bytes.length) return undefined;
    if (view.getUint16(at, true) === 1) return new DataView(bytes.buffer, bytes.byteOffset + at + 4, length);
    at += 4 + length;
  }
  return undefined;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A 64-bit number if it is a safe integer. */
function readU64(view: DataView, at: number): number | undefined {
  const value = view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
  return Number.isSafeInteger(value) ? value : undefined;
}
