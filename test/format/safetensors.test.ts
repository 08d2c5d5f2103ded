import { describe, expect, test } from "vitest";
import { BlockFFNError, FormatError, LimitError, UsageError } from "../../src/errors.ts";
import { encodeSafetensorsHeader, openSafetensors } from "../../src/format/safetensors/safetensors.ts";
import { MAX_TENSORS } from "../../src/format/safetensors/header.ts";
import { MemorySource } from "../helpers/memory-files.ts";
import { rawSafetensors, tinySafetensors } from "../helpers/tiny-safetensors.ts";

const open = (bytes: Uint8Array) => openSafetensors(new MemorySource("m.safetensors", bytes));
const rejection = async (bytes: Uint8Array): Promise<BlockFFNError> => {
  const error: unknown = await open(bytes).then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!(error instanceof BlockFFNError)) expect.fail(`no typed error but ${String(error)}`);
  expect(error.file).toBe("m.safetensors");
  return error;
};
const entry = (dtype: string, shape: readonly number[], begin: number, end: number) => ({ dtype, shape, data_offsets: [begin, end] });

describe("writing and reading", () => {
  const tensors = [
    { name: "a", dtype: "F32", shape: [2, 3] },
    { name: "naïve é", dtype: "BF16", shape: [5] },
    { name: "__proto__", dtype: "U8", shape: [1] },
    { name: "empty", dtype: "F16", shape: [0, 7] },
    { name: "scalar", dtype: "I64", shape: [] },
  ] as const;

  test("the header comes back, data are 64-byte aligned", async () => {
    const file = await open(tinySafetensors(tensors, { format: "pt", quoted: 'a "b"\n\u0001' }));
    expect(file.names()).toEqual(tensors.map(({ name }) => name));
    expect([...file.metadata]).toEqual([
      ["format", "pt"],
      ["quoted", 'a "b"\n\u0001'],
    ]);
    for (const { name, dtype, shape } of tensors) {
      expect(file.entry(name)).toMatchObject({ dtype, shape });
      expect(file.entry(name)!.offset % 64).toBe(0);
    }
    expect(file.entry("a")?.byteLength).toBe(24);
    expect(file.info("missing")).toBeUndefined();
    expect(({} as Record<string, unknown>)["dtype"]).toBeUndefined();
  });

  test("values of each float type, whole and in part", async () => {
    const f32 = new Uint8Array(Float32Array.of(1, -2, 3.5).buffer);
    const source = new MemorySource(
      "m",
      tinySafetensors([
        { name: "f32", dtype: "F32", shape: [3], bytes: f32 },
        { name: "f16", dtype: "F16", shape: [2], bytes: Uint8Array.of(0x00, 0x3c, 0x01, 0x80) },
        { name: "bf16", dtype: "BF16", shape: [2], bytes: Uint8Array.of(0x80, 0x3f, 0x20, 0xc0) },
        { name: "i32", dtype: "I32", shape: [2] },
      ]),
    );
    const file = await openSafetensors(source);
    expect([...(await file.readF32("f32", 0, 3))]).toEqual([1, -2, 3.5]);
    expect([...(await file.readF32("f32", 1, 2))]).toEqual([-2, 3.5]);
    expect([...(await file.readF32("f16", 0, 2))]).toEqual([1, -(2 ** -24)]);
    expect([...(await file.readF32("bf16", 1, 1))]).toEqual([-2.5]);
    expect(await file.readF32("f32", 3, 0)).toHaveLength(0);
    for (const [name, start, count] of [
      ["f32", 0, 4],
      ["f32", -1, 1],
      ["f32", 0, -1],
      ["f32", 0.5, 1],
      ["f32", 2 ** 60, 1],
      ["f32", NaN, 1],
      ["i32", 0, 1],
      ["?", 0, 1],
    ] as const) {
      await expect(file.readF32(name, start, count)).rejects.toMatchObject({ name: "FormatError", file: "m", field: name });
    }
    await file.close();
    expect(source.counts.closed).toBe(1);
  });

  test("a big float32 tensor is one read into the result", async () => {
    const source = new MemorySource("m", tinySafetensors([{ name: "w", dtype: "F32", shape: [512, 512] }]));
    const file = await openSafetensors(source);
    const before = { ...source.counts };
    await file.readF32("w", 0, 512 * 512);
    expect(source.counts.reads - before.reads).toBe(1);
    expect(source.counts.bytesRead - before.bytesRead).toBe(512 * 512 * 4);
  });

  test("other alignments, no tensors, wrong arguments", async () => {
    const layout = encodeSafetensorsHeader(
      [
        { name: "a", dtype: "U8", shape: [1] },
        { name: "b", dtype: "U8", shape: [1] },
      ],
      new Map(),
      { align: 256 },
    );
    expect(layout.tensors.map(({ offset }) => offset % 256)).toEqual([0, 0]);
    expect(layout.fileSize).toBe(layout.tensors[1]!.offset + 1);
    expect((await open(tinySafetensors([]))).names()).toEqual([]);
    const encode =
      (name: string, shape: number[], align = 64) =>
      () =>
        encodeSafetensorsHeader([{ name, dtype: "F32", shape }], new Map(), { align });
    for (const wrong of [
      encode("a", [1.5]),
      encode("a", [-1]),
      encode("a", [2 ** 40, 2 ** 40]),
      encode("__metadata__", [1]),
      encode("a\n", [1]),
      encode("x".repeat(300), [1]),
      encode("a", [1], 65),
      encode("a", [1], 4096),
    ]) {
      expect(wrong).toThrow(UsageError);
    }
    expect(() =>
      encodeSafetensorsHeader(
        [
          { name: "a", dtype: "U8", shape: [] },
          { name: "a", dtype: "U8", shape: [] },
        ],
        new Map(),
      ),
    ).toThrow(/already/);
  });
});

describe("refuses", () => {
  const header = (tensors: Record<string, unknown>, data = 8) => rawSafetensors(JSON.stringify(tensors), data);
  test.each([
    ["unknown dtype", header({ a: entry("F9_E4M3", [8], 0, 8) }), "a", /dtype/],
    ["negative size", header({ a: entry("U8", [-8], 0, 8) }), undefined, /non-negative/],
    ["fraction", header({ a: entry("U8", [8.5], 0, 8) }), undefined, /expected/],
    ["size beyond 2^53", rawSafetensors('{"a":{"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,8]}}', 8), undefined, /2\^53/],
    ["count overflow", header({ a: entry("U8", [2 ** 40, 2 ** 40], 0, 8) }), "a", /more elements/],
    ["count overflow hidden by 0", header({ a: entry("U8", [2 ** 40, 2 ** 40, 0], 0, 0) }), "a", /more elements/],
    ["too many dimensions", header({ a: entry("U8", [1, 1, 1, 1, 1, 1, 1, 1, 1], 0, 1) }), "a", /shape has more/],
    ["shape and range disagree", header({ a: entry("F32", [1], 0, 8) }), "a", /needs 4 bytes/],
    ["end beyond the file", header({ a: entry("U8", [9], 0, 9) }), "a", /cut short/],
    ["begin after end", header({ a: entry("U8", [0], 4, 0) }), "a", /outside/],
    ["overlap", header({ a: entry("U8", [5], 0, 5), b: entry("U8", [4], 4, 8) }), "b", /overlap/],
    ["same range twice", header({ a: entry("U8", [8], 0, 8), b: entry("U8", [8], 0, 8) }), "b", /overlap/],
    ["a long hole", header({ a: entry("U8", [1], 5000, 5001) }, 5001), "a", /unused/],
    ["unused bytes at the end", header({ a: entry("U8", [1], 0, 1) }, 6000), "header", /unused/],
    [
      "duplicate name",
      rawSafetensors('{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}', 8),
      "a",
      /twice/,
    ],
    [
      "duplicate name, escaped",
      rawSafetensors('{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"\\u0061":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}', 8),
      "a",
      /twice/,
    ],
    ["three offsets", header({ a: { dtype: "U8", shape: [8], data_offsets: [0, 8, 9] } }), "a", /more than 2/],
    ["missing shape", header({ a: { dtype: "U8", data_offsets: [0, 8] } }), "a", /needed/],
    ["unknown field", header({ a: { ...entry("U8", [8], 0, 8), extra: 1 } }), "a", /unknown/],
    ["tensor that is a number", header({ a: 1 }), undefined, /object/],
    ["metadata that is not text", header({ __metadata__: { n: 1 } }), undefined, /string/],
    ["an array", rawSafetensors("[]"), undefined, /begin with/],
    ["deep nesting", rawSafetensors("[".repeat(1e6)), undefined, /begin with/],
    ["deep nesting inside", rawSafetensors(`{"a":${"[".repeat(1e6)}`), undefined, /object/],
    ["not UTF-8", rawSafetensors(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a)), undefined, /UTF-8/],
    ["control characters in a name", rawSafetensors('{"\\u001b[2J":{}}'), undefined, /control/],
    ["a raw control character", rawSafetensors('{"a\tb":{}}'), undefined, /raw control/],
    ["an escape at the end", rawSafetensors('{"a\\'), undefined, /ends inside/],
    ["an escape that JSON does not have", rawSafetensors('{"a\\q":{}}'), undefined, /escape/],
    ["numbers that start with 0", rawSafetensors('{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,08]}}', 8), undefined, /starts with 0/],
    ["text after the object", rawSafetensors("{}{}"), undefined, /more after/],
    ["length beyond the file", rawSafetensors("{}", 0, 3n), "header", /cut short/],
    ["length of 2^63", rawSafetensors("{}", 0, 2n ** 63n), "header", /cut short/],
    ["an empty file", new Uint8Array(0), "header", /outside the file/],
    ["seven bytes", new Uint8Array(7), "header", /outside the file/],
  ] as const)("%s", async (_, bytes, field, message) => {
    const error = await rejection(bytes);
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toMatch(message);
    if (field !== undefined) expect(error.field).toBe(field);
  });

  test("more tensors, longer names or more metadata than the limits", async () => {
    const many = Array.from({ length: MAX_TENSORS + 1 }, (_, i) => `"${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`);
    for (const text of [`{${many.join(",")}}`, `{"${"n".repeat(300)}":{}}`, `{"__metadata__":{"k":"${"v".repeat(9 << 20)}"}}`]) {
      const error = await rejection(rawSafetensors(text));
      expect(error).toBeInstanceOf(LimitError);
      expect(error.limit).toBeDefined();
    }
  });

  test("truncation at every byte", async () => {
    const whole = tinySafetensors(
      [
        { name: "a", dtype: "F32", shape: [4] },
        { name: "b", dtype: "F16", shape: [3] },
      ],
      { k: "v" },
    );
    await open(whole);
    for (let length = 0; length < whole.length; length++) await rejection(whole.slice(0, length));
  });
});
