/** Unicode's White_Space, which Rust's `char::is_whitespace` and Oniguruma's `\s` mean; JavaScript's `\s` is another set. */
export const WHITE_SPACE = /^\p{White_Space}$/u;

/** A letter of a word, as Rust's regular expressions have it in `\w`. */
export const WORD = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u200c\\u200d";

/** What GPT-2's table writes for each byte: printable Latin-1 characters stand for themselves, the others are U+0100, U+0101, ... */
export const CHAR_OF_BYTE: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(printable ? byte : next++);
  });
})();

const ENCODER = new TextEncoder();
const PLAIN = /^[!-~]*$/;

/** UTF-8 bytes of a text, each as its character in GPT-2's table. */
export function byteCharacters(text: string): string {
  if (PLAIN.test(text)) return text;
  let out = "";
  for (const byte of ENCODER.encode(text)) out += CHAR_OF_BYTE[byte]!;
  return out;
}
