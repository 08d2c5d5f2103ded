import { FormatError, LimitError } from "../../errors.ts";
import { decodeUtf8, readRange } from "../bytes.ts";
import type { ByteSource } from "../source.ts";

/** Bytes read at a time. */
const WINDOW = 1 << 20;

/** Reads a header from its start on, in windows; little-endian. */
export class Cursor {
  readonly #source: ByteSource;
  readonly #most: number;
  #window = new DataView(new ArrayBuffer(0));
  /** Where the window begins in the file, and where in it the next value does. */
  #start = 0;
  #at = 0;

  /** @param most bytes that may be read in all */
  constructor(source: ByteSource, most: number) {
    this.#source = source;
    this.#most = most;
  }

  /** Place of the next value, from the start of the file. */
  get offset(): number {
    return this.#start + this.#at;
  }

  /** Bytes that are left, of the file and of what may be read. */
  get left(): number {
    return Math.min(this.#source.size, this.#most) - this.offset;
  }

  /**
   * Makes sure that so many bytes can be taken.
   * @throws FormatError where the file ends; LimitError where more would be read than is allowed
   */
  async need(bytes: number, field: string): Promise<void> {
    if (this.#at + bytes <= this.#window.byteLength) return;
    const details = { file: this.#source.name, field };
    if (bytes > this.#source.size - this.offset)
      throw new FormatError(`ends beyond the file of ${this.#source.size} bytes; it may be cut short, download it again`, details);
    if (bytes > this.left)
      throw new LimitError(`the header has more than the ${this.#most} bytes allowed`, { ...details, limit: this.#most });
    this.#start = this.offset;
    this.#at = 0;
    const read = await readRange(this.#source, this.#start, Math.max(bytes, Math.min(WINDOW, this.left)), field);
    this.#window = new DataView(read.buffer);
  }

  /** The next bytes as a view, after `need`; valid until the next `need`. */
  view(bytes: number): DataView {
    this.#at += bytes;
    return new DataView(this.#window.buffer, this.#at - bytes, bytes);
  }

  async u32(field: string): Promise<number> {
    await this.need(4, field);
    return this.view(4).getUint32(0, true);
  }

  /** @throws FormatError for a number that no size can be */
  async u64(field: string): Promise<number> {
    await this.need(8, field);
    const value = this.view(8).getBigUint64(0, true);
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
    throw new FormatError(`${value} is too large; the file is damaged`, { file: this.#source.name, field });
  }

  /** A string of at most `most` bytes. @throws LimitError, and FormatError for one that is not UTF-8 */
  async string(most: number, field: string): Promise<string> {
    const bytes = await this.u64(field);
    const details = { file: this.#source.name, field };
    if (bytes > most && bytes <= this.left)
      throw new LimitError(`a text of ${bytes} bytes is longer than the ${most} allowed`, { ...details, limit: most });
    await this.need(bytes, field);
    const view = this.view(bytes);
    const text = decodeUtf8(new Uint8Array(view.buffer, view.byteOffset, bytes));
    if (text === undefined) throw new FormatError("is not UTF-8 text", details);
    return text;
  }
}
