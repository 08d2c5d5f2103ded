// Protocol buffer encoding: as much of it as an ONNX file needs. A message is the concatenation of its fields.

function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

const key = (field, wire) => varint((field << 3) | wire);

/** An integer field (int32, int64, enum, bool); negative numbers as two's complement of 64 bits. */
export const int = (field, value) => Buffer.concat([key(field, 0), varint(value)]);

/** A float field. */
export function float(field, value) {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([key(field, 5), bytes]);
}

/** A string or bytes field. */
export function bytes(field, value) {
  const content = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([key(field, 2), varint(content.length), content]);
}

/** A submessage made of `parts`. */
export const message = (field, ...parts) => bytes(field, Buffer.concat(parts.flat()));

/** A repeated integer field, packed. */
export const ints = (field, values) => bytes(field, Buffer.concat(values.map(varint)));
