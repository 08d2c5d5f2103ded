const NAMED: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  b: "\b",
  f: "\f",
  v: "\v",
  a: "\x07",
  "'": "'",
  '"': '"',
  "\\": "\\",
  "\n": "",
};

/** The text of a string literal, as Python's codec unicode-escape reads it: an escape that it does not know stays as it is. */
export function unescape(literal: string): string {
  if (!literal.includes("\\")) return literal;
  return literal.replace(/\\(x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0-7]{1,3}|[^])/g, (whole, escape: string) => {
    const named = NAMED[escape];
    if (named !== undefined) return named;
    const code = /^[0-7]/.test(escape) ? parseInt(escape, 8) : escape.length > 1 ? parseInt(escape.slice(1), 16) : -1;
    return code < 0 || code > 0x10ffff ? whole : String.fromCodePoint(code);
  });
}
