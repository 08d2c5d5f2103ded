import { expect, test } from "vitest";
import { FormatError, LimitError, SourceError } from "../../src/errors.ts";
import { openSafetensors } from "../../src/format/safetensors/safetensors.ts";
import { openShards, parseShardIndex } from "../../src/format/safetensors/shards.ts";
import { openTorch } from "../../src/format/torch/torch.ts";
import { MemoryFiles, MemorySource } from "../helpers/memory-files.ts";
import { tinySafetensors } from "../helpers/tiny-safetensors.ts";
import { floatStorage, tinyTorch } from "../helpers/tiny-torch.ts";

const INDEX = "model.safetensors.index.json";
const one = tinySafetensors([
  { name: "a", dtype: "F32", shape: [2], bytes: new Uint8Array(Float32Array.of(1, 2).buffer) },
  { name: "unused", dtype: "U8", shape: [1] },
]);
const two = tinySafetensors([{ name: "b", dtype: "BF16", shape: [1], bytes: Uint8Array.of(0x80, 0x3f) }]);
const indexOf = (weights: Record<string, string>) =>
  JSON.stringify({ metadata: { total_size: 10, more: [1, { x: null }] }, weight_map: weights });
const shardsOf = async (files: MemoryFiles) => openShards(files, (await files.open(INDEX))!, openSafetensors);

test("tensors of several files behave as one source; the index alone says which there are", async () => {
  const files = new MemoryFiles({
    [INDEX]: indexOf({ b: "m-2.safetensors", a: "m-1.safetensors" }),
    "m-1.safetensors": one,
    "m-2.safetensors": two,
  });
  const tensors = await shardsOf(files);
  expect(tensors.name).toBe(INDEX);
  expect(tensors.names()).toEqual(["b", "a"]);
  expect(tensors.info("b")).toMatchObject({ dtype: "BF16", shape: [1] });
  expect(tensors.info("unused")).toBeUndefined();
  expect([...(await tensors.readF32("a", 0, 2)), ...(await tensors.readF32("b", 0, 1))]).toEqual([1, 2, 1]);
  await expect(tensors.readF32("unused", 0, 1)).rejects.toThrow(FormatError);
  await tensors.close();
  expect(files.counts.closed).toBe(files.counts.opened);
});

test("torch files too", async () => {
  const bin = tinyTorch([{ name: "w", storage: floatStorage("0", [7]), shape: [1] }]);
  const files = new MemoryFiles({ "i.json": indexOf({ w: "m-1.bin" }), "m-1.bin": bin });
  const tensors = await openShards(files, (await files.open("i.json"))!, openTorch);
  expect([...(await tensors.readF32("w", 0, 1))]).toEqual([7]);
});

test.each([
  ["a missing file", { a: "gone.safetensors" }, SourceError, "gone.safetensors"],
  ["a tensor that its file has not", { a: "m-2.safetensors" }, FormatError, "m-2.safetensors"],
  ["a broken file", { a: "bad.safetensors" }, FormatError, "bad.safetensors"],
] as const)("%s: typed error, everything closed", async (_, weights, type, file) => {
  const files = new MemoryFiles({
    [INDEX]: indexOf({ b: "m-2.safetensors", ...weights }),
    "m-2.safetensors": two,
    "bad.safetensors": new Uint8Array(3),
  });
  await expect(shardsOf(files)).rejects.toBeInstanceOf(type);
  await expect(shardsOf(files)).rejects.toMatchObject({ file });
  expect(files.counts.closed).toBe(files.counts.opened);
});

test("file names that are not plain are refused", () => {
  const parse = (shard: string) => () => parseShardIndex(new TextEncoder().encode(indexOf({ a: shard })), INDEX);
  expect(parse("model-00001-of-00002.safetensors")().get("a")).toBe("model-00001-of-00002.safetensors");
  for (const shard of ["../a", "a/b", "a\\b", "..", ".hidden", "", "%2e%2e", "c:a", "http://x", "a..b", "a\0", "-x", "é"]) {
    expect(parse(shard), shard).toThrow(FormatError);
  }
});

test("malformed indexes", () => {
  const parse = (text: string) => () => parseShardIndex(new TextEncoder().encode(text), INDEX);
  for (const text of [
    "",
    "{}",
    "[]",
    "null",
    '{"weight_map":[]}',
    '{"weight_map":{"a":1}}',
    '{"weight_map":{},"weight_map":{}}',
    '{"weight_map":{"a":"b","a":"b"}}',
    '{"weight_map":{"a":"b"}',
    '{"weight_map":{"a":"b"}} x',
    `{"metadata":${"[".repeat(100_000)}`,
    '{"metadata":,"weight_map":{}}',
    '{"weight_map":{"\\u0007":"b"}}',
  ]) {
    expect(parse(text), text.slice(0, 60)).toThrow(FormatError);
  }
  expect(parse(indexOf(Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`t${i}`, `f${i}`]))))).toThrow(LimitError);
});

test("an index that is too large is not read", async () => {
  const huge = new MemorySource(INDEX, new Uint8Array((16 << 20) + 1));
  await expect(openShards(new MemoryFiles({}), huge, openSafetensors)).rejects.toThrow(LimitError);
  expect(huge.counts).toMatchObject({ reads: 0, closed: 1 });
});
