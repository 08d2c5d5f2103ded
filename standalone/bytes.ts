import { fail } from "./failure";

/** Bytes that grow: text in UTF-8, lists of ids. */
export class Bytes {
  at: usize = 0;
  length: u32 = 0;
  private capacity: u32 = 0;

  push(byte: u8): void {
    this.room(1);
    store<u8>(this.at + this.length++, byte);
  }

  pushInt(value: i32): void {
    this.room(4);
    store<i32>(this.at + this.length, value);
    this.length += 4;
  }

  append(from: usize, count: u32): void {
    this.room(count);
    memory.copy(this.at + this.length, from, count);
    this.length += count;
  }

  appendText(text: string): void {
    const utf8 = String.UTF8.encode(text);
    this.append(changetype<usize>(utf8), utf8.byteLength);
  }

  /** The i-th of the ids that it holds. */
  int(i: i32): i32 {
    return load<i32>(this.at + ((<usize>i) << 2));
  }

  get ints(): i32 {
    return <i32>(this.length >> 2);
  }

  clear(): void {
    this.length = 0;
  }

  /** Frees what it holds; it can be used again. */
  free(): void {
    if (this.at) heap.free(this.at);
    this.at = 0;
    this.length = this.capacity = 0;
  }

  toString(): string {
    return String.UTF8.decodeUnsafe(this.at, this.length);
  }

  private room(more: u32): void {
    const need = <u64>this.length + more;
    if (need <= <u64>this.capacity) return;
    if (need > 1 << 29) {
      fail(`${need} bytes are too long`);
      this.length = 0;
      return this.room(more);
    }
    this.capacity = <u32>max<u64>(need, max<u64>(<u64>this.capacity * 2, 32));
    this.at = this.at ? heap.realloc(this.at, this.capacity) : heap.alloc(this.capacity);
  }
}

/** Are two stretches of bytes the same? */
// @ts-ignore: decorator
@inline
export function sameBytes(a: usize, aLength: u32, b: usize, bLength: u32): bool {
  return aLength === bLength && memory.compare(a, b, aLength) === 0;
}

/** Does a stretch of bytes hold this text? */
export function isText(at: usize, length: u32, text: string): bool {
  const utf8 = String.UTF8.encode(text);
  return sameBytes(at, length, changetype<usize>(utf8), utf8.byteLength);
}

/** The start of a stretch of UTF-8 for an error message: in quotes, control characters as '?', cut after 60 bytes. */
export function quoted(at: usize, length: u32): string {
  let end = min<u32>(length, 60);
  while (end < length && end > 0 && (load<u8>(at + end) & 0xc0) === 0x80) end--;
  const shown = new Bytes();
  for (let i: u32 = 0; i < end; i++) {
    const c = load<u8>(at + i);
    shown.push(c < 0x20 || c === 0x7f ? 0x3f : c);
  }
  const text = '"' + shown.toString() + (end < length ? "..." : "") + '"';
  shown.free();
  return text;
}
