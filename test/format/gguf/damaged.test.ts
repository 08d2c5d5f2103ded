import { describe, expect, it } from "vitest";
import { BlockFFNError } from "../../../src/errors.ts";
import { openGguf } from "../../../src/format/gguf/gguf.ts";
import { GGUF_LIMITS, readGgufHeader } from "../../../src/format/gguf/header.ts";
import { METADATA_LIMITS } from "../../../src/format/gguf/metadata.ts";
import { DENSE_MODELS } from "../../helpers/dense-models.ts";
import { denseWeights } from "../../helpers/dense-weights.ts";
import { ggufOf } from "../../helpers/gguf-models.ts";
import { MemorySource } from "../../helpers/memory-files.ts";
import { tinyGguf, type GgufEntry, type GgufTensorData } from "../../helpers/tiny-gguf.ts";

const FILE = "model.gguf";
const floats = (...shape: number[]): GgufTensorData => ({ shape, bytes: new Uint8Array(4 * shape.reduce((a, b) => a * b, 1)) });

async function failure(bytes: Uint8Array, open: (source: MemorySource) => Promise<unknown> = readGgufHeader): Promise<BlockFFNError> {
  const error = await open(new MemorySource(FILE, bytes)).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(BlockFFNError);
  return error as BlockFFNError;
}

/** A file with some bytes of it replaced. */
function patched(bytes: Uint8Array, at: number, ...values: readonly number[]): Uint8Array {
  const out = bytes.slice();
  out.set(values, at);
  return out;
}

/** Bytes of a u64. */
function u64(value: bigint): number[] {
  return Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

describe("a header", () => {
  const good = tinyGguf({ "a.b": ["u32", 7] }, { t: floats(2, 3), u: floats(5) });

  it("is read: metadata, shapes the right way round, places", async () => {
    const { metadata, tensors } = await readGgufHeader(new MemorySource(FILE, good));
    expect(metadata.number("a.b")).toBe(7);
    const [t, u] = [tensors.get("t")!, tensors.get("u")!];
    expect(t).toMatchObject({ type: "F32", shape: [2, 3], bytes: 24 });
    expect(u.offset - t.offset).toBe(32);
    expect(u.offset + 32).toBe(good.length);
  });

  it("of version 2, with every type of value and another alignment, too", async () => {
    const all: Record<string, GgufEntry> = {
      ...Object.fromEntries(
        (["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"] as const).map((kind) => [kind, [kind, 5]]),
      ),
      flag: ["bool", true],
      text: ["string", "é"],
      texts: ["string", ["a", ""]],
      numbers: ["i16", [-1, 2]],
      "general.alignment": ["u32", 64],
    };
    const { metadata, tensors } = await readGgufHeader(
      new MemorySource(FILE, tinyGguf(all, { t: floats(1) }, { version: 2, alignment: 64 })),
    );
    for (const kind of ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"]) expect(metadata.number(kind)).toBe(5);
    expect([metadata.flag("flag"), metadata.text("text"), metadata.texts("texts")]).toEqual([true, "é", ["a", ""]]);
    expect(Array.from(metadata.numbers("numbers")!)).toEqual([-1, 2]);
    expect(tensors.get("t")!.offset % 64).toBe(0);
  });

  const countAt = 8;
  const key = good.indexOf(97) - 8;
  it.each<[string, Uint8Array, string, RegExp]>([
    ["another version", patched(good, 4, 4), "version", /4 is not supported/],
    ["version 1", patched(good, 4, 1), "version", /convert the model again/],
    ["big-endian", patched(good, 4, 0, 0, 0, 3), "version", /big-endian/],
    ["too many tensors", patched(good, countAt, ...u64(70_000n)), "tensor_count", /65536 allowed/],
    ["too many entries", patched(good, countAt + 8, ...u64(1n << 40n)), "metadata_kv_count", /65536 allowed/],
    ["counts beyond any number", patched(good, countAt, ...u64(2n ** 64n - 1n)), "tensor_count", /too large/],
    ["a key longer than the file", patched(good, key, ...u64(1n << 50n)), "metadata 0", /beyond the file/],
    ["an unknown type of value", patched(good, key + 8 + 3, 99), "a.b", /unknown value type 99/],
    ["a key that is no text", patched(good, key + 8, 0xff), "metadata 0", /UTF-8/],
    ["a key with control characters", patched(good, key + 8, 10), "metadata 0", /control/],
  ])("with %s is refused", async (_, bytes, field, message) => {
    const error = await failure(bytes);
    expect(error).toMatchObject({ file: FILE, field });
    expect(error.message).toMatch(message);
  });

  it.each<[string, Uint8Array, string, RegExp]>([
    ["an alignment that is no power of two", tinyGguf({ "general.alignment": ["u32", 48] }, {}), "general.alignment", /power of two/],
    ["an alignment of text", tinyGguf({ "general.alignment": ["string", "8"] }, {}), "general.alignment", /number/],
    ["five dimensions", tinyGguf({}, { t: floats(1, 1, 1, 1, 1) }), "t", /5 dimensions/],
    ["no dimension", tinyGguf({}, { t: { shape: [], bytes: new Uint8Array(4) } }), "t", /0 dimensions/],
    ["an empty dimension", tinyGguf({}, { t: floats(0, 4) }), "t", /no size/],
    ["more elements than numbers can say", tinyGguf({}, { t: { shape: [2 ** 40, 2 ** 40], bytes: new Uint8Array(4) } }), "t", /no size/],
    ["a type that is not read", tinyGguf({}, { t: { ...floats(256), code: 20 } }), "t", /IQ4_NL; supported are F32/],
    ["an unknown type", tinyGguf({}, { t: { ...floats(256), code: 77 } }), "t", /type 77/],
    ["rows of half a block", tinyGguf({}, { t: { ...floats(2, 48), code: 8 } }), "t", /whole blocks of 32/],
    ["a tensor beyond its end", tinyGguf({}, { t: { shape: [100], bytes: new Uint8Array(4) } }), "t", /cut short/],
    ["a long name", tinyGguf({}, { ["t".repeat(300)]: floats(1) }), "tensor 0", /256 allowed/],
    ["a name with control characters", tinyGguf({}, { "t\n": floats(1) }), "tensor 0", /shown/],
  ])("with %s is refused", async (_, bytes, field, message) => {
    const error = await failure(bytes);
    expect(error).toMatchObject({ file: FILE, field });
    expect(error.message).toMatch(message);
  });

  it("with tensors that lie over each other, or askew, is refused", async () => {
    const bytes = tinyGguf({}, { t: floats(16), u: floats(16) });
    const offset = bytes.lastIndexOf(117) + 1 + 4 + 8 + 4;
    expect((await failure(patched(bytes, offset, ...u64(32n)))).message).toMatch(/over another/);
    expect((await failure(patched(bytes, offset, ...u64(63n)))).message).toMatch(/no multiple of 32/);
  });

  it("with a name twice is refused", async () => {
    const bytes = tinyGguf({ ka: ["u8", 1], kb: ["u8", 1] }, { ta: floats(1), tb: floats(1) });
    const at = (name: string): number => Buffer.from(bytes).indexOf(name) + 1;
    expect((await failure(patched(bytes, at("kb"), 97))).message).toMatch(/ka: is there twice/);
    expect((await failure(patched(bytes, at("tb"), 97))).message).toMatch(/ta: is there twice/);
  });

  it("with arrays of arrays, and with more elements than bytes, is refused without asking for memory", async () => {
    const bytes = tinyGguf({ list: ["u32", [1, 2]] }, {});
    const at = Buffer.from(bytes).indexOf("list") + 4;
    expect((await failure(patched(bytes, at + 4, 9))).message).toMatch(/array of arrays/);
    const many = new MemorySource(FILE, patched(bytes, at + 8, ...u64(1_000_000n)));
    await expect(readGgufHeader(many)).rejects.toThrow(/beyond the file/);
    expect(many.counts.largestRead).toBeLessThan(1000);
    const error = await failure(patched(bytes, at + 8, ...u64(BigInt(METADATA_LIMITS.elements) + 1n)));
    expect(error).toMatchObject({ field: "list", limit: METADATA_LIMITS.elements });
  });

  it("is read in windows, and no longer than allowed", async () => {
    const text = "x".repeat(METADATA_LIMITS.text);
    const keys = Array.from({ length: 3 }, (_, i) => [`k${i}`, ["string", text]] as const);
    const source = new MemorySource(FILE, tinyGguf(Object.fromEntries(keys), {}));
    expect((await readGgufHeader(source)).metadata.text("k2")).toBe(text);
    const long = await failure(tinyGguf({ k: ["string", `${text}x`] }, {}));
    expect(long).toMatchObject({ field: "k", limit: METADATA_LIMITS.text });
    expect(GGUF_LIMITS.header).toBeGreaterThan(METADATA_LIMITS.text);
  });
});

describe("a model that is not one of those that are read", () => {
  const { config } = DENSE_MODELS["llama3"]!;
  const file = ggufOf("llama", config, denseWeights(config));
  const open = (metadata: Record<string, GgufEntry>, tensors: Record<string, GgufTensorData> = {}) =>
    failure(tinyGguf({ ...file.metadata, ...metadata }, { ...file.tensors, ...tensors }), openGguf);

  it.each<[string, Record<string, GgufEntry>, RegExp]>([
    ["general.architecture", { "general.architecture": ["string", "gemma"] }, /llama, qwen2, qwen3, minicpm/],
    ["general.architecture", { "general.architecture": ["u32", 1] }, /text/],
    ["split.count", { "split.count": ["u16", 3] }, /join them first/],
    ["llama.expert_count", { "llama.expert_count": ["u32", 8] }, /mixtures of experts/],
    ["llama.block_count", { "llama.block_count": ["u32", 0] }, /at least 1/],
    ["llama.block_count", { "llama.block_count": ["u32", 4_000_000_000] }, /at most 512/],
    ["llama.embedding_length", { "llama.embedding_length": ["f32", 1.5] }, /whole/],
    ["llama.attention.head_count_kv", { "llama.attention.head_count_kv": ["u32", 3] }, /divide/],
    ["llama.attention.head_count_kv", { "llama.attention.head_count_kv": ["u32", [2, 4]] }, /differs from layer to layer/],
    ["llama.rope.dimension_count", { "llama.rope.dimension_count": ["u32", 8] }, /heads of 16/],
    ["llama.attention.value_length", { "llama.attention.value_length": ["u32", 8] }, /heads of 16/],
    ["llama.rope.freq_base", { "llama.rope.freq_base": ["f32", -1] }, /above 0/],
    ["llama.rope.scaling.type", { "llama.rope.scaling.type": ["string", "yarn"] }, /none and linear/],
    ["llama.attention.layer_norm_rms_epsilon", { "llama.attention.layer_norm_rms_epsilon": ["f32", NaN] }, /number/],
  ])("%s", async (field, metadata, message) => {
    const error = await open(metadata);
    expect(error).toMatchObject({ file: FILE, field });
    expect(error.message).toMatch(message);
  });

  it("a tensor that nobody asks for, one that is missing, one of another shape", async () => {
    expect(await open({}, { "blk.0.attn_sinks.weight": floats(4) })).toMatchObject({ field: "blk.0.attn_sinks.weight" });
    const { "blk.1.ffn_up.weight": _, ...rest } = file.tensors;
    expect(await failure(tinyGguf(file.metadata, rest), openGguf)).toMatchObject({ field: "blk.1.ffn_up.weight" });
    expect((await open({}, { "blk.1.ffn_up.weight": floats(40, 25) })).message).toMatch(/\[40, 24\] but .* has \[40, 25\]/);
    expect(
      (await open({}, { "rope_freqs.weight": { shape: [8], bytes: new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8).buffer) } }))
        .field,
    ).toBe("rope_freqs.weight");
  });

  it("a sliding window ends the context; the same number for every layer is one number", async () => {
    const metadata: Record<string, GgufEntry> = {
      "llama.attention.sliding_window": ["u32", 40],
      "llama.attention.head_count_kv": ["u32", [2, 2]],
    };
    const { config: read } = await openGguf(new MemorySource(FILE, tinyGguf({ ...file.metadata, ...metadata }, file.tensors)));
    expect(read).toMatchObject({ contextLength: 40, attention: { kvHeads: 2 } });
  });

  it("biases of a llama are read", async () => {
    const bias = (rows: number): GgufTensorData => floats(rows);
    const biases = [0, 1].flatMap((l) => [
      [`blk.${l}.attn_q.bias`, bias(64)] as const,
      [`blk.${l}.attn_k.bias`, bias(32)] as const,
      [`blk.${l}.attn_v.bias`, bias(32)] as const,
    ]);
    const bytes = tinyGguf(file.metadata, { ...file.tensors, ...Object.fromEntries(biases) });
    expect((await openGguf(new MemorySource(FILE, bytes))).config.attention).toMatchObject({ qkvBias: true });
  });
});
