import { describe, expect, test } from "vitest";
import { BlockFFNError } from "../../src/errors.ts";
import { openTorch } from "../../src/format/torch/torch.ts";
import { MAX_PICKLE_OPS, PickleDict, unpickle } from "../../src/format/torch/pickle.ts";
import { MemorySource } from "../helpers/memory-files.ts";
import { floatStorage, op, tinyStateDict, tinyTorch } from "../helpers/tiny-torch.ts";
import type { TinyTorchTensor } from "../helpers/tiny-torch.ts";
import { tinyZip } from "../helpers/tiny-zip.ts";

const open = (bytes: Uint8Array) => openTorch(new MemorySource("m.bin", bytes));
const counting = floatStorage(
  "0",
  Array.from({ length: 24 }, (_, i) => i),
);
const rejects = async (promise: Promise<unknown>, message: RegExp, field?: string): Promise<void> => {
  const error: unknown = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!(error instanceof BlockFFNError)) expect.fail(`no typed error but ${String(error)}`);
  expect(error.file).toBe("m.bin");
  expect(error.message).toMatch(message);
  if (field !== undefined) expect(error.field).toBe(field);
};
const tensors = (...list: Omit<TinyTorchTensor, "storage">[]) => tinyTorch(list.map((tensor) => ({ storage: counting, ...tensor })));

describe("state dicts", () => {
  test.each([{ zip64: false }, { zip64: true }])("types, offsets, tied storages, parameters; %o", async (options) => {
    const half = { key: "1", type: "HalfStorage", elements: 2, data: Uint8Array.of(0x00, 0x3c, 0x00, 0xc0) };
    const bf16 = { key: "2", type: "BFloat16Storage", elements: 2, data: Uint8Array.of(0x80, 0x3f, 0x20, 0xc0) };
    const ids = { key: "3", type: "LongStorage", elements: 1, data: new Uint8Array(8) };
    const file = await open(
      tinyTorch(
        [
          { name: "embed", storage: counting, shape: [4, 6] },
          { name: "head", storage: counting, shape: [4, 6], parameter: true },
          { name: "tail", storage: counting, offset: 20, shape: [4] },
          { name: "half", storage: half, shape: [2] },
          { name: "bf16", storage: bf16, shape: [1, 2] },
          { name: "ids", storage: ids, shape: [] },
          { name: "none", storage: counting, shape: [0, 3] },
        ],
        { ...options, byteOrder: "little" },
      ),
    );
    expect(file.names()).toEqual(["embed", "head", "tail", "half", "bf16", "ids", "none"]);
    expect(file.info("bf16")).toEqual({ dtype: "BF16", shape: [1, 2] });
    expect(await file.readF32("head", 0, 24)).toEqual(await file.readF32("embed", 0, 24));
    expect([...(await file.readF32("embed", 7, 3))]).toEqual([7, 8, 9]);
    expect([...(await file.readF32("tail", 1, 3))]).toEqual([21, 22, 23]);
    expect([...(await file.readF32("half", 0, 2))]).toEqual([1, -2]);
    expect([...(await file.readF32("bf16", 0, 2))]).toEqual([1, -2.5]);
    expect(await file.readF32("none", 0, 0)).toHaveLength(0);
    await rejects(file.readF32("ids", 0, 1), /I64/, "ids");
    await rejects(file.readF32("tail", 0, 5), /outside/, "tail");
    await rejects(file.readF32("gone", 0, 1), /no such tensor/, "gone");
  });

  test("strided views give what their definition says, from any start", async () => {
    const views = [
      { name: "transposed", shape: [6, 4], strides: [1, 6] },
      { name: "columns", shape: [4, 2], strides: [6, 1], offset: 3 },
      { name: "permuted", shape: [2, 4, 3], strides: [3, 6, 1] },
      { name: "ones", shape: [1, 4, 1], strides: [99, 2, 77], offset: 1 },
    ];
    const halves = {
      key: "1",
      type: "BFloat16Storage",
      elements: 24,
      data: new Uint8Array(Uint16Array.from({ length: 24 }, (_, i) => 0x3f80 + i).buffer),
    };
    for (const storage of [counting, halves]) {
      const stored = await (await open(tinyTorch([{ name: "all", storage, shape: [24] }]))).readF32("all", 0, 24);
      const file = await open(tinyTorch(views.map((view) => ({ storage, ...view }))));
      for (const { name, shape, strides, offset = 0 } of views) {
        const expected: number[] = [];
        const walk = (d: number, index: number): void => {
          if (d === shape.length) return void expected.push(stored[index]!);
          for (let i = 0; i < shape[d]!; i++) walk(d + 1, index + i * strides[d]!);
        };
        walk(0, offset);
        for (let start = 0; start <= expected.length; start++) {
          for (let count = 0; start + count <= expected.length; count++) {
            expect([...(await file.readF32(name, start, count))], `${name} ${start} ${count}`).toEqual(
              expected.slice(start, start + count),
            );
          }
        }
      }
    }
  });

  test("a row-major tensor is one read into the result", async () => {
    const source = new MemorySource("m.bin", tensors({ name: "w", shape: [24] }));
    const file = await openTorch(source);
    await file.readF32("w", 0, 1);
    const before = source.counts.reads;
    await file.readF32("w", 0, 24);
    expect(source.counts.reads - before).toBe(1);
  });

  test.each([
    ["a view beyond its storage", tensors({ name: "w", shape: [25] }), /inside its storage/],
    ["an offset that moves it out", tensors({ name: "w", shape: [4], offset: 21 }), /inside its storage/],
    ["strides that lead out", tensors({ name: "w", shape: [2, 2], strides: [24, 1] }), /inside its storage/],
    ["a broadcast view", tensors({ name: "w", shape: [2 ** 31 - 1, 2 ** 20], strides: [0, 0] }), /inside its storage/],
    ["sizes of 2^53", tensors({ name: "w", shape: [2 ** 53 - 1] }), /inside its storage/],
    ["strides that overflow", tensors({ name: "w", shape: [3, 3], strides: [2 ** 53 - 1, 2 ** 53 - 1] }), /inside its storage/],
    ["negative strides", tensors({ name: "w", shape: [2], strides: [-1], offset: 5 }), /inside its storage/],
    ["a storage of another size", tinyTorch([{ name: "w", storage: { ...counting, elements: 23 }, shape: [4] }]), /should have 23 F32/],
    [
      "2^40 elements in a small file",
      tinyTorch([{ name: "w", storage: { ...counting, elements: 2 ** 40 }, shape: [2 ** 40] }]),
      /should have/,
    ],
    [
      "a storage that is not there",
      tinyZip([{ name: "a/data.pkl", data: tinyStateDict([{ name: "w", storage: counting, shape: [4] }]) }]),
      /no a\/data\/0/,
    ],
    ["a storage key that is a path", tinyTorch([{ name: "w", storage: { ...counting, key: "../x" }, shape: [4] }]), /not a storage/],
    ["the same name twice", tensors({ name: "w", shape: [4] }, { name: "w", shape: [4] }), /twice/],
    [
      "an unknown storage type",
      tinyTorch([{ name: "w", storage: { ...counting, type: "ComplexFloatStorage" }, shape: [4] }]),
      /torch.ComplexFloatStorage/,
    ],
    ["big-endian", tinyTorch([{ name: "w", storage: counting, shape: [4] }], { byteOrder: "big" }), /little-endian/],
    ["compressed entries", tinyTorch([{ name: "w", storage: counting, shape: [4] }], { method: 8 }), /compressed/],
    [
      "two state dicts",
      tinyZip([
        { name: "a/data.pkl", data: new Uint8Array(1) },
        { name: "b/data.pkl", data: new Uint8Array(1) },
      ]),
      /one data.pkl/,
    ],
    [
      "the same entry twice",
      tinyZip([
        { name: "a/data.pkl", data: new Uint8Array(1) },
        { name: "a/data.pkl", data: new Uint8Array(1) },
      ]),
      /twice/,
    ],
    ["an empty archive", tinyZip([]), /one data.pkl/],
    [
      "the format of before PyTorch 1.6",
      Uint8Array.of(0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e),
      /PyTorch 1.6/,
    ],
    ["an empty file", new Uint8Array(0), /no zip directory/],
  ] as const)("refuses %s", async (_, bytes, message) => {
    await rejects(open(bytes), message);
  });

  test("truncation at every byte", async () => {
    const whole = tensors({ name: "w", shape: [4, 6] });
    await open(whole);
    for (let length = 0; length < whole.length; length++) await rejects(open(whole.slice(0, length)), /./);
  });

  test("entries that overlap in the local headers", async () => {
    const bytes = tensors({ name: "w", shape: [4, 6] });
    const at = new TextDecoder("latin1").decode(bytes).indexOf("archive/data/0");
    // The length of the local extra field pushes the data into the next entry.
    bytes[at - 2] = 0xff;
    const file = await open(bytes);
    await rejects(file.readF32("w", 0, 1), /run into/, "archive/data/0");
  });

  test("entries that overlap in the directory, or run into it", async () => {
    for (const [name, field, value] of [
      ["archive/data/0", 20, 2 ** 31],
      ["archive/version", 20, 100],
      ["archive/data/0", 42, 1],
      ["archive/version", 42, 2 ** 31],
    ] as const) {
      const bytes = tensors({ name: "w", shape: [4, 6] });
      const header = new TextDecoder("latin1").decode(bytes).lastIndexOf(name) - 46;
      const view = new DataView(bytes.buffer);
      view.setUint32(header + field, value, true);
      if (field === 20) view.setUint32(header + 24, value, true);
      await rejects(open(bytes), /run into/);
    }
  });
});

describe("the restricted unpickler", () => {
  const dangerous = (...code: number[]) =>
    open(tinyZip([{ name: "a/data.pkl", data: Uint8Array.from([...op.proto, ...code, ...op.stop]) }]));
  test.each([
    ["os.system", [...op.global("os", "system"), ...op.mark, ...op.text("true"), ...op.tuple, ...op.reduce], /os\.system/],
    ["builtins.eval", op.global("builtins", "eval"), /builtins\.eval/],
    ["names of JavaScript objects", op.global("__proto__", "constructor"), /__proto__\.constructor/],
    ["calling a tensor name", [...op.text("x"), ...op.emptyTuple, ...op.reduce], /not a function/],
    ["a storage class called", [...op.global("torch", "FloatStorage"), ...op.emptyTuple, ...op.reduce], /not a function/],
    ["INST", [0x69], /opcode 0x69/],
    ["STACK_GLOBAL", [0x93], /opcode 0x93/],
    ["an empty stack", op.reduce, /stack is empty/],
    ["a tuple across a mark", [...op.int(1), ...op.int(2), ...op.mark, 0x86], /stack is empty/],
    ["TUPLE without a mark", op.tuple, /mark is missing/],
    ["an odd number of items", [...op.emptyDict, ...op.mark, ...op.int(1), ...op.setItems], /key without a value/],
    ["items of a number", [...op.int(1), ...op.mark, ...op.setItems], /not a dict/],
    ["a memo that was never set", [0x68, 9], /memo 9/],
    ["a string longer than the pickle", [0x58, 0xff, 0xff, 0xff, 0xff], /cut short/],
    ["a list as result", op.emptyTuple, /dict of tensors/],
    ["a value that is not a tensor", [...op.emptyDict, ...op.mark, ...op.text("w"), ...op.int(1), ...op.setItems], /not a tensor/],
    ["a persistent id of another kind", [...op.emptyTuple, ...op.persistentId], /not a storage/],
    ["a huge integer", [0x8a, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1], /64 bits/],
    ["something left over", [...op.int(1), ...op.emptyDict], /left over/],
  ] as const)("refuses %s", async (_, code, message) => {
    await rejects(dangerous(...code), message);
  });

  test("refuses protocols that torch does not write", async () => {
    await rejects(open(tinyZip([{ name: "a/data.pkl", data: Uint8Array.of(0x80, 4, 0x7d, 0x2e) }])), /protocol 2/);
    await rejects(open(tinyZip([{ name: "a/data.pkl", data: Uint8Array.of(0x7d, 0x2e) }])), /protocol 2/);
  });

  test("more opcodes than the limit end in an error, in bounded memory", async () => {
    for (const code of [0x7d, 0x29, 0x28, 0x4e]) {
      const data = new Uint8Array(MAX_PICKLE_OPS + 100).fill(code);
      data.set(op.proto);
      const before = process.memoryUsage().heapUsed;
      await rejects(open(tinyZip([{ name: "a/data.pkl", data }])), /opcodes/);
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 << 20);
    }
  });

  test("integers of every width; a dict that holds itself", () => {
    const run = (...code: number[]) =>
      unpickle(
        Uint8Array.from([...op.proto, ...code, ...op.stop]),
        { global: () => 0, persistent: () => 0, reduce: () => 0, build: () => undefined },
        "f",
        "p",
      );
    expect(run(0x4a, 0xfe, 0xff, 0xff, 0xff)).toBe(-2);
    expect(run(0x4d, 0x01, 0x02)).toBe(513);
    expect(run(0x8a, 0)).toBe(0);
    expect(run(0x8a, 1, 0xff)).toBe(-1);
    expect(run(0x8a, 5, 0, 0, 0, 0, 1)).toBe(2 ** 32);
    expect(() => run(0x8a, 8, 0, 0, 0, 0, 0, 0, 0, 0x7f)).toThrow(/2\^53/);
    const dict = run(...op.emptyDict, 0x71, 0, ...op.text("me"), 0x68, 0, 0x73);
    expect(dict instanceof PickleDict && dict.items[1] === dict).toBe(true);
  });
});
