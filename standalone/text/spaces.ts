/** Bytes of the Unicode White_Space character that begins at `at`; 0 when it is none. */
export function spaceAt(at: usize, length: u32): u32 {
  const c = load<u8>(at);
  if (c === 0x20 || (c >= 9 && c <= 13)) return 1;
  if (c === 0xc2 && length >= 2) {
    const d = load<u8>(at + 1);
    return d === 0x85 || d === 0xa0 ? 2 : 0;
  }
  if (length < 3 || c < 0xe1 || c > 0xe3) return 0;
  const code = (((<u32>c) & 15) << 12) | (((<u32>load<u8>(at + 1)) & 63) << 6) | ((<u32>load<u8>(at + 2)) & 63);
  const space =
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000;
  return space ? 3 : 0;
}
