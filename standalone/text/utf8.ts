import { Bytes } from "../bytes";

/**
 * Length of the character that begins at `at`, by the well-formed sequences of the Unicode Standard (table 3-7).
 * @returns bytes of a whole character; 0 when the bytes so far may still become one; minus the bytes of the longest ill-formed
 *   start, which decoders replace by one U+FFFD
 */
export function scanCharacter(at: usize, length: u32): i32 {
  const c = load<u8>(at);
  if (c < 0x80) return 1;
  let size = 0;
  let low: u8 = 0x80;
  let high: u8 = 0xbf;
  if (c >= 0xc2 && c <= 0xdf) size = 2;
  else if (c >= 0xe0 && c <= 0xef) {
    size = 3;
    if (c === 0xe0) low = 0xa0;
    if (c === 0xed) high = 0x9f;
  } else if (c >= 0xf0 && c <= 0xf4) {
    size = 4;
    if (c === 0xf0) low = 0x90;
    if (c === 0xf4) high = 0x8f;
  } else return -1;
  for (let i = 1; i < size; i++) {
    if (<u32>i >= length) return 0;
    const next = load<u8>(at + i);
    if (next < low || next > high) return -i;
    low = 0x80;
    high = 0xbf;
  }
  return size;
}

/** The code point that begins at `at`, in well-formed UTF-8. */
export function codePointAt(at: usize): u32 {
  const c = <u32>load<u8>(at);
  if (c < 0x80) return c;
  const second = (<u32>load<u8>(at + 1)) & 63;
  if (c < 0xe0) return ((c & 31) << 6) | second;
  const third = (<u32>load<u8>(at + 2)) & 63;
  if (c < 0xf0) return ((c & 15) << 12) | (second << 6) | third;
  return ((c & 7) << 18) | (second << 12) | (third << 6) | ((<u32>load<u8>(at + 3)) & 63);
}

/** Where the character before `at` begins, in well-formed UTF-8. */
export function characterBefore(at: usize): usize {
  do at--;
  while ((load<u8>(at) & 0xc0) === 0x80);
  return at;
}

/** Bytes of the character that begins at `at`, in well-formed UTF-8. */
// @ts-ignore: decorator
@inline
export function characterBytes(at: usize): u32 {
  const c = load<u8>(at);
  return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

export function isUtf8(at: usize, length: u32): bool {
  const end = at + length;
  while (at < end) {
    const size = scanCharacter(at, <u32>(end - at));
    if (size <= 0) return false;
    at += size;
  }
  return true;
}

/**
 * Appends what is whole of `length` bytes as UTF-8, with U+FFFD for ill-formed bytes, as the Encoding Standard decodes it.
 * @param last no more bytes come: an unfinished character is ill-formed too
 * @returns bytes taken; what is left begins an unfinished character
 */
export function appendWellFormed(out: Bytes, at: usize, length: u32, last: bool): u32 {
  let done: u32 = 0;
  while (done < length) {
    const size = scanCharacter(at + done, length - done);
    if (size > 0) {
      out.append(at + done, size);
      done += size;
      continue;
    }
    if (size === 0 && !last) break;
    out.push(0xef);
    out.push(0xbf);
    out.push(0xbd);
    done += size === 0 ? length - done : -size;
  }
  return done;
}
