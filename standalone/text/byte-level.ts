import { Bytes } from "../bytes";
import { characterBytes, codePointAt } from "./utf8";

// GPT-2's table of a character for each byte: printable Latin-1 characters stand for themselves, the others are U+0100, U+0101, ...

/** Others below the printable ones, and with those between them. */
const LOW: u32 = 0x21;
const MIDDLE: u32 = 0x7f;
const HIGH: u32 = 0xa1;
const SOFT_HYPHEN: u32 = 0xad;

function characterOf(byte: u32): u32 {
  if (byte < LOW) return 0x100 + byte;
  if (byte < MIDDLE) return byte;
  if (byte < HIGH) return 0x100 + LOW + byte - MIDDLE;
  return byte === SOFT_HYPHEN ? 0x100 + LOW + HIGH - MIDDLE : byte;
}

/** The byte of a character; -1 when it is not in the table. */
function byteOf(code: u32): i32 {
  if (code < 0x100) return characterOf(code) === code ? <i32>code : -1;
  const n = code - 0x100;
  if (n < LOW) return <i32>n;
  if (n < LOW + HIGH - MIDDLE) return <i32>(n - LOW + MIDDLE);
  return n === LOW + HIGH - MIDDLE ? <i32>SOFT_HYPHEN : -1;
}

/** Appends the characters of bytes, in UTF-8. */
export function appendByteCharacters(at: usize, length: u32, out: Bytes): void {
  for (let i: u32 = 0; i < length; i++) {
    const code = characterOf(load<u8>(at + i));
    if (code < 0x80) out.push(<u8>code);
    else {
      out.push(<u8>(0xc0 | (code >> 6)));
      out.push(<u8>(0x80 | (code & 63)));
    }
  }
}

/** Appends the bytes of characters; false, and nothing, when one is not in the table. */
export function appendCharacterBytes(at: usize, length: u32, out: Bytes): bool {
  const before = out.length;
  for (let i: u32 = 0; i < length; i += characterBytes(at + i)) {
    const byte = byteOf(codePointAt(at + i));
    if (byte < 0) {
      out.length = before;
      return false;
    }
    out.push(<u8>byte);
  }
  return true;
}
