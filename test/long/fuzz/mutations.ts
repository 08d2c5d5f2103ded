import { below, pick, type Random } from "./random.ts";

/** Values that no field expects. */
const ODD: readonly unknown[] = [
  null,
  true,
  false,
  -1,
  0,
  0.5,
  1,
  7,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  1e300,
  "",
  "0",
  "x",
  "<s>",
  "__proto__",
  "\u0000",
  "\ud800",
  [],
  {},
  [[]],
  [null],
  [-1],
  [2 ** 40],
  { a: 1 },
  { content: "<x>" },
  "x".repeat(100_000),
  new Array(2000).fill(1),
  new Array(300).fill({}),
  "default",
  "F64",
  "U64",
  "BPE",
  "ByteLevel",
  Array.from({ length: 100 }, (_, i) => i),
];
/** Literals that JSON.stringify does not write. */
const LITERALS = [
  "Infinity",
  "-Infinity",
  "NaN",
  "1e999",
  "-0",
  "0x10",
  "01",
  "1e-999",
  "18446744073709551616",
  `${"[".repeat(5000)}${"]".repeat(5000)}`,
  '"\\ud800"',
  "nul",
];

/** Bytes with a few of them changed, cut, doubled or put in. */
export function damaged(bytes: Uint8Array, random: Random): Uint8Array {
  let out = bytes.slice();
  for (let i = 1 + below(random, 4); i > 0 && out.length > 0; i--) {
    const at = below(random, out.length);
    switch (below(random, 5)) {
      case 0:
        out[at]! ^= 1 << below(random, 8);
        break;
      case 1:
        out[at] = pick(random, [0, 0x22, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d, 0x5c, 0x80, 0xff, 0x31, 0x2d]);
        break;
      case 2:
        out = out.slice(0, at);
        break;
      case 3:
        out = Uint8Array.from([...out.subarray(0, at), ...out.subarray(at + 1 + below(random, 40))]);
        break;
      default:
        out.copyWithin(at, below(random, out.length), below(random, out.length));
    }
  }
  return out;
}

/** JSON text with one value, somewhere, that is another, missing, twice there, or no JSON. */
export function oddJson(text: string, random: Random): string {
  const json: unknown = JSON.parse(text);
  const places: { readonly parent: Record<string, unknown>; readonly key: string }[] = [];
  const visit = (value: unknown, depth: number): void => {
    if (typeof value !== "object" || value === null || depth > 5) return;
    // Of long lists and vocabularies a few will do.
    for (const key of Object.keys(value).slice(0, 12)) {
      places.push({ parent: value as Record<string, unknown>, key });
      visit((value as Record<string, unknown>)[key], depth + 1);
    }
  };
  visit(json, 0);
  if (places.length === 0) return pick(random, LITERALS);
  const { parent, key } = pick(random, places);
  const mark = "\u{f0000}";
  switch (below(random, 6)) {
    case 0:
      delete parent[key];
      break;
    case 1:
      parent[key] = mark;
      break;
    case 2:
      parent[
        pick(random, [
          "extra",
          "__proto__",
          "constructor",
          "rope_theta",
          "rope_scaling",
          "eos_token_id",
          "added_tokens_decoder",
          "eos_token",
        ])
      ] = pick(random, ODD);
      break;
    default:
      parent[key] = pick(random, ODD);
  }
  return JSON.stringify(json).replace(JSON.stringify(mark), pick(random, LITERALS));
}

/** A safetensors file whose header is such JSON, its data as they were. */
export function oddHeader(bytes: Uint8Array, random: Random): Uint8Array {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = new TextEncoder().encode(oddJson(new TextDecoder().decode(bytes.subarray(8, 8 + length)), random));
  const out = new Uint8Array(8 + header.length + bytes.length - 8 - length);
  new DataView(out.buffer).setBigUint64(0, BigInt(header.length), true);
  out.set(header, 8);
  out.set(bytes.subarray(8 + length), 8 + header.length);
  return out;
}
