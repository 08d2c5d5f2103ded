import { Bytes } from "../bytes";

/** Value of a hexadecimal digit; -1 for another byte. */
export function hexDigit(c: u8): i32 {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const letter = c | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** Writes a code point as UTF-8. @returns the end of it */
export function putCodePoint(out: usize, code: i32): usize {
  if (code < 0x80) {
    store<u8>(out, <u8>code);
    return out + 1;
  }
  if (code < 0x800) {
    store<u8>(out, <u8>(0xc0 | (code >> 6)));
    store<u8>(out + 1, <u8>(0x80 | (code & 63)));
    return out + 2;
  }
  if (code < 0x10000) {
    store<u8>(out, <u8>(0xe0 | (code >> 12)));
    store<u8>(out + 1, <u8>(0x80 | ((code >> 6) & 63)));
    store<u8>(out + 2, <u8>(0x80 | (code & 63)));
    return out + 3;
  }
  store<u8>(out, <u8>(0xf0 | (code >> 18)));
  store<u8>(out + 1, <u8>(0x80 | ((code >> 12) & 63)));
  store<u8>(out + 2, <u8>(0x80 | ((code >> 6) & 63)));
  store<u8>(out + 3, <u8>(0x80 | (code & 63)));
  return out + 4;
}

/** Appends text as a JSON string, quotes included. */
export function appendJsonString(out: Bytes, at: usize, length: u32): void {
  out.push(0x22);
  for (let i: u32 = 0; i < length; i++) {
    const c = load<u8>(at + i);
    if (c === 0x22 || c === 0x5c) out.push(0x5c);
    if (c >= 0x20) out.push(c);
    else if (c === 0x0a) out.appendText("\\n");
    else out.appendText("\\u00" + (c < 16 ? "0" : "") + (<u32>c).toString(16));
  }
  out.push(0x22);
}
