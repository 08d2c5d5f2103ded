export interface TinyZipEntry {
  readonly name: string;
  readonly data: Uint8Array;
}

export interface TinyZipOptions {
  /** Writes the zip64 end records, and all ones in every 32-bit size and offset. */
  readonly zip64?: boolean;
  /** Compression method claimed in the directory. */
  readonly method?: number;
}

class Bytes {
  readonly #parts: number[] = [];
  get length(): number {
    return this.#parts.length;
  }
  put(size: 2 | 4 | 8, ...values: number[]): this {
    for (const value of values) for (let i = 0; i < size; i++) this.#parts.push(Math.floor(value / 2 ** (8 * i)) % 256);
    return this;
  }
  raw(bytes: Iterable<number>): this {
    for (const byte of bytes) this.#parts.push(byte);
    return this;
  }
  done(): Uint8Array {
    return Uint8Array.from(this.#parts);
  }
}

/** A zip archive of stored entries, laid out as torch.save does: data aligned to 64 bytes by the local extra field. */
export function tinyZip(entries: readonly TinyZipEntry[], { zip64 = false, method = 0 }: TinyZipOptions = {}): Uint8Array {
  const out = new Bytes();
  const central = new Bytes();
  for (const { name, data } of entries) {
    const nameBytes = new TextEncoder().encode(name);
    const offset = out.length;
    const dataStart = Math.ceil((offset + 34 + nameBytes.length) / 64) * 64;
    const extra = dataStart - (offset + 30 + nameBytes.length);
    const size = zip64 ? 0xffffffff : data.length;
    out.put(4, 0x04034b50).put(2, 0, 0x800, method, 0, 0).put(4, 0, size, size).put(2, nameBytes.length, extra).raw(nameBytes);
    out
      .put(2, 0x4246, extra - 4)
      .raw(new Uint8Array(extra - 4).fill(0x5a))
      .raw(data);
    const wide = new Bytes();
    if (zip64) wide.put(2, 1, 24).put(8, data.length, data.length, offset);
    central.put(4, 0x02014b50).put(2, 0, 0, 0x800, method, 0, 0).put(4, 0, size, size);
    central
      .put(2, nameBytes.length, wide.length, 0, 0, 0)
      .put(4, 0, zip64 ? 0xffffffff : offset)
      .raw(nameBytes)
      .raw(wide.done());
  }
  const start = out.length;
  out.raw(central.done());
  if (zip64) {
    const end = out.length;
    out.put(4, 0x06064b50).put(8, 44).put(2, 45, 45).put(4, 0, 0).put(8, entries.length, entries.length, central.length, start);
    out.put(4, 0x07064b50, 0).put(8, end).put(4, 1);
  }
  const count = zip64 ? 0xffff : entries.length;
  out
    .put(4, 0x06054b50)
    .put(2, 0, 0, count, count)
    .put(4, central.length, zip64 ? 0xffffffff : start)
    .put(2, 0);
  return out.done();
}
