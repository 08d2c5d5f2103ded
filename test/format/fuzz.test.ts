import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../../src/format/hf/checkpoint.ts";
import { elementCount } from "../../src/format/dtypes.ts";
import { isFloatDType } from "../../src/format/floats.ts";
import { openSafetensors } from "../../src/format/safetensors/safetensors.ts";
import { openGguf } from "../../src/format/gguf/gguf.ts";
import { openTorch } from "../../src/format/torch/torch.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import type { TensorSource } from "../../src/format/tensors.ts";
import { damages, EDGE_NUMBERS, fuzzCounts, tryCase } from "../helpers/fuzz.ts";
import type { FuzzTarget } from "../helpers/fuzz.ts";
import { tinyGgufModel } from "../helpers/gguf-models.ts";
import { tinyGguf } from "../helpers/tiny-gguf.ts";
import { MemoryFiles, MemorySource } from "../helpers/memory-files.ts";
import { TINY_CONFIGS, tinyCheckpoint, tinyTensors } from "../helpers/tiny-checkpoint.ts";
import type { ConfigJson } from "../helpers/tiny-checkpoint.ts";
import { rawSafetensors, tinySafetensors } from "../helpers/tiny-safetensors.ts";
import { floatStorage, tinyStateDict, tinyTorch } from "../helpers/tiny-torch.ts";
import { tinyZip } from "../helpers/tiny-zip.ts";

const SEED = 20250711;
const RUNS = 400;
console.log(`fuzz seed ${SEED}`);

/** Reads every tensor that can be read. */
async function readAll(tensors: TensorSource): Promise<void> {
  for (const name of tensors.names()) {
    const info = tensors.info(name);
    if (info !== undefined && isFloatDType(info.dtype)) await tensors.readF32(name, 0, elementCount(info.shape) ?? NaN);
  }
}

const f32 = floatStorage("0", [0, 1, 2, 3, 4, 5]);
const f16 = { key: "1", type: "HalfStorage", elements: 4, data: new Uint8Array(8) };
const torchTensors = [
  { name: "a", storage: f32, shape: [2, 3] },
  { name: "t", storage: f32, shape: [3, 2], strides: [1, 3] },
  { name: "p", storage: f32, offset: 2, shape: [2], parameter: true },
  { name: "h", storage: f16, shape: [4] },
];
const openBin = async (bytes: Uint8Array) => readAll(await openTorch(new MemorySource("model.bin", bytes)));
const checkpointWith = (file: string, others: Readonly<Record<string, Uint8Array | string>>) => async (bytes: Uint8Array) => {
  const files = new MemoryFiles({ ...others, [file]: bytes });
  try {
    const { tensors } = await openCheckpoint(files);
    await readAll(tensors);
    await tensors.close();
  } finally {
    expect(files.counts.closed, "files left open").toBe(files.counts.opened);
  }
};
const openGgufFile = async (bytes: Uint8Array) => {
  const source = new MemorySource("model.gguf", bytes);
  const { tensors, text } = await openGguf(source);
  await readAll(tensors);
  if (text.tokenizerJson !== undefined) loadTokenizer(text.tokenizerJson, "model.gguf");
  void text.chatTemplate;
};
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const shardIndex = {
  metadata: { total_size: 1 },
  weight_map: Object.fromEntries(tinyTensors(TINY_CONFIGS.moe).map(({ name }) => [name, "one.safetensors"])),
};

/** All readers of strangers' bytes. Add a target here and it gets damaged bytes and every truncation. */
const targets: readonly FuzzTarget[] = [
  { name: "GGUF, llama", bytes: tinyGgufModel("llama"), open: openGgufFile },
  { name: "GGUF, qwen2", bytes: tinyGgufModel("qwen2"), open: openGgufFile },
  {
    name: "safetensors",
    bytes: tinySafetensors(
      [
        { name: "a", dtype: "F32", shape: [2, 3] },
        { name: "b", dtype: "BF16", shape: [3] },
        { name: "c", dtype: "U8", shape: [5] },
      ],
      { format: "pt" },
    ),
    open: async (bytes) => readAll(await openSafetensors(new MemorySource("model.safetensors", bytes))),
  },
  { name: "torch zip", bytes: tinyTorch(torchTensors, { byteOrder: "little" }), open: openBin },
  { name: "torch zip64", bytes: tinyTorch(torchTensors, { zip64: true }), open: openBin },
  {
    name: "data.pkl",
    bytes: tinyStateDict(torchTensors),
    open: (pickle) =>
      openBin(
        tinyZip([
          { name: "m/data.pkl", data: pickle },
          { name: "m/data/0", data: f32.data },
          { name: "m/data/1", data: f16.data },
        ]),
      ),
  },
  ...Object.entries(TINY_CONFIGS).map(([name, config]): FuzzTarget => ({
    name: `config.json, ${name}`,
    bytes: encode(config),
    open: checkpointWith("config.json", tinyCheckpoint(config)),
  })),
  {
    name: "index.json",
    bytes: encode(shardIndex),
    open: checkpointWith("model.safetensors.index.json", {
      "config.json": JSON.stringify(TINY_CONFIGS.moe),
      "one.safetensors": tinySafetensors(tinyTensors(TINY_CONFIGS.moe)),
    }),
  },
];
const target = (name: string): FuzzTarget => targets.find((t) => t.name === name) ?? expect.fail(name);

describe.each(targets)("$name", (fuzzed) => {
  test("the bytes themselves are right", async () => {
    expect(await tryCase(fuzzed, fuzzed.bytes)).toBe(true);
  });

  test("damaged bytes", async () => {
    await fc.assert(
      fc.asyncProperty(damages, async (change) => void (await tryCase(fuzzed, change(fuzzed.bytes)))),
      { seed: SEED, numRuns: RUNS },
    );
  });

  test("truncated at every byte", async () => {
    for (let length = 0; length < fuzzed.bytes.length; length++)
      expect(await tryCase(fuzzed, fuzzed.bytes.slice(0, length)), `${length} bytes`).toBe(false);
  });
});

const edge = fc.constantFrom(...EDGE_NUMBERS);
const oddNumber = fc.oneof(
  edge,
  edge.map((n) => -n),
  edge.map((n) => n + 0.5),
  fc.integer({ min: 0, max: 32 }),
);
const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  oddNumber,
  fc.constantFrom(null, true, false, "", "0", "F32", "__proto__", "\u0000", [], {}, [[]], [0], [2 ** 32], { a: 1 }),
  fc.string({ maxLength: 8 }),
  fc.jsonValue({ maxDepth: 3 }),
);

describe("right JSON with wrong content", () => {
  test("safetensors headers: types, shapes, offsets, overlaps, counts", async () => {
    const offset = fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 0, max: 48 }).map((n) => n * 4) },
      { weight: 1, arbitrary: oddValue },
    );
    const sizes = fc.oneof(
      { weight: 4, arbitrary: fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 3 }) },
      { weight: 1, arbitrary: fc.array(oddNumber, { maxLength: 9 }) },
      { weight: 1, arbitrary: oddValue },
    );
    const tensor = fc.record(
      {
        dtype: fc.oneof({ weight: 4, arbitrary: fc.constantFrom("F32", "F16", "BF16", "U8") }, { weight: 1, arbitrary: oddValue }),
        shape: sizes,
        data_offsets: fc.oneof({ weight: 4, arbitrary: fc.tuple(offset, offset) }, { weight: 1, arbitrary: oddValue }),
      },
      { requiredKeys: ["dtype", "data_offsets"] },
    );
    // Tensors whose shape and range agree, so that overlaps and holes are reached.
    const agreeing = fc
      .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 12 }))
      .map(([begin, n]) => ({ dtype: "F32", shape: [n], data_offsets: [begin * 4, (begin + n) * 4] }));
    const headers = fc.tuple(
      fc.array(fc.tuple(fc.constantFrom("a", "b", "c", "__proto__", "__metadata__"), fc.oneof(tensor, agreeing, oddValue)), {
        maxLength: 4,
      }),
      fc.integer({ min: 0, max: 200 }),
      fc.option(edge, { nil: undefined, freq: 8 }),
    );
    await fc.assert(
      fc.asyncProperty(headers, async ([tensors, dataBytes, claimed]) => {
        // Written by hand so that names can be there twice.
        const json = `{${tensors.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value) ?? "null"}`).join(",")}}`;
        await tryCase(target("safetensors"), rawSafetensors(json, dataBytes, claimed === undefined ? undefined : BigInt(claimed)));
      }),
      { seed: SEED, numRuns: 4 * RUNS },
    );
  });

  test("config.json: fields missing, of other types, huge", async () => {
    for (const [name, config] of Object.entries<ConfigJson>(TINY_CONFIGS)) {
      const change = fc.tuple(
        fc.constantFrom(...Object.keys(config), "rope_scaling", "head_dim", "rope_theta", "max_position_embeddings"),
        fc.oneof(oddValue, fc.constant(undefined)),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
          await tryCase(target(`config.json, ${name}`), encode({ ...config, ...Object.fromEntries(changes) }));
        }),
        { seed: SEED, numRuns: RUNS },
      );
    }
  });

  test("numbers that JSON.parse turns into infinity or zero", async () => {
    for (const [name, config] of Object.entries<ConfigJson>(TINY_CONFIGS)) {
      for (const field of Object.keys(config).filter((key) => typeof config[key] === "number")) {
        for (const literal of ["1e999", "-1e999", "1e-999", "NaN", "Infinity", "0x10", "4294967296", "18446744073709551616"]) {
          const text = JSON.stringify({ ...config, [field]: "LITERAL" }).replace('"LITERAL"', literal);
          await tryCase(target(`config.json, ${name}`), new TextEncoder().encode(text));
        }
      }
    }
  });

  test("index.json: other tensors and files", async () => {
    const weights = fc.dictionary(
      fc.constantFrom(...Object.keys(shardIndex.weight_map), "x", ""),
      fc.oneof(fc.constantFrom("one.safetensors", "config.json", "../one.safetensors", "gone"), oddValue),
      { maxKeys: 6 },
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(weights, oddValue), async (map) => {
        await tryCase(target("index.json"), encode({ ...shardIndex, weight_map: map }));
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });
});

test("state dicts whose sizes, strides, offsets and storages are any numbers", async () => {
  const number = fc.oneof(fc.integer({ min: 0, max: 6 }), edge.filter(Number.isSafeInteger), fc.constant(-1));
  const numbers = fc.array(number, { maxLength: 4 });
  const tensor = fc.record({
    offset: number,
    shape: numbers,
    strides: numbers,
    elements: fc.oneof(fc.constant(6), number),
    type: fc.constantFrom("FloatStorage", "HalfStorage", "BFloat16Storage", "LongStorage", "Odd"),
    key: fc.constantFrom("0", "0", "0", "1", "../0"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(tensor, { minLength: 1, maxLength: 3 }), async (list) => {
      const views = list.map(({ offset, shape, strides, elements, type, key }, i) => ({
        name: `t${i}`,
        offset,
        shape,
        strides: strides.slice(0, shape.length),
        storage: { ...f32, elements, type, key },
      }));
      await tryCase(target("data.pkl"), tinyStateDict(views));
    }),
    { seed: SEED, numRuns: 2 * RUNS },
  );
});

test("large hostile files stay within the limits too", async () => {
  const repeat = (text: string, bytes: number) => new TextEncoder().encode(text.repeat(Math.ceil(bytes / text.length)).slice(0, bytes));
  const pickleOf = (begin: number[], code: number[], times: number) =>
    Uint8Array.from([[0x80, 2], begin, ...new Array<number[]>(times).fill(code)].flat());
  const entries = Array.from({ length: 70_000 }, (_, i) => `"${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`).join(",");
  const cases: [string, Uint8Array][] = [
    ["safetensors", rawSafetensors(`{${entries}}`)],
    ["safetensors", rawSafetensors(`{"__metadata__":{${Array.from({ length: 200_000 }, (_, i) => `"${i}":"é"`).join(",")}}}`)],
    ["safetensors", rawSafetensors(repeat('{"a":', 4 << 20))],
    ["safetensors", rawSafetensors(repeat(" ", 4 << 20))],
    ["GGUF, llama", tinyGguf({ list: ["string", new Array<string>(400_000).fill("")] }, {})],
    ["GGUF, llama", tinyGguf({ list: ["u8", new Array<number>(1_000_000).fill(1)] }, {})],
    ["GGUF, llama", tinyGguf(Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`k${i}`, ["u8", 1]])), {})],
    [
      "GGUF, llama",
      tinyGguf({}, Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`t${i}`, { shape: [1], bytes: new Uint8Array(4) }]))),
    ],
    ["safetensors", rawSafetensors(`{"a":{"dtype":"U8","shape":[${"1,".repeat(1 << 20)}1]}}`)],
    ["config.json, llama", repeat("[", 1 << 20)],
    ["config.json, llama", new TextEncoder().encode(`{"a":[${"[],".repeat(340_000)}[]]}`)],
    ["config.json, llama", encode({ ...TINY_CONFIGS.llama, eos_token_id: new Array(300_000).fill(1) })],
    ["config.json, llama", encode({ ...TINY_CONFIGS.llama, architectures: new Array(300_000).fill([]) })],
    ["index.json", encode({ weight_map: Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`t${i}`, "a"])) })],
    ["index.json", new TextEncoder().encode(`{"metadata":[${"[],".repeat(1 << 20)}[]]}`)],
    ["torch zip", repeat("PK\u0005\u0006", 4 << 20)],
    ["torch zip", tinyZip(Array.from({ length: 20_000 }, (_, i) => ({ name: `${i}/data.pkl`, data: new Uint8Array(0) })))],
    ...[0x7d, 0x29, 0x28, 0x4e].map((code): [string, Uint8Array] => ["data.pkl", pickleOf([], [code], 600_000)]),
    // Nested tuples; one dict that is filled over and over; many memos.
    ["data.pkl", pickleOf([0x4e], [0x85], 600_000)],
    ["data.pkl", pickleOf([0x7d], [0x28, 0x4e, 0x4e, 0x75], 100_000)],
    [
      "data.pkl",
      Uint8Array.from(
        [[0x80, 2, 0x4e], Array.from({ length: 300_000 }, (_, i) => [0x72, i & 255, (i >> 8) & 255, i >> 16, 0]).flat()].flat(),
      ),
    ],
  ];
  for (const [name, bytes] of cases) expect(await tryCase(target(name), bytes), name).toBe(false);
});

test("there were enough cases, and some of every target were refused", () => {
  const all = [...fuzzCounts.values()];
  expect(all.reduce((n, { tried }) => n + tried, 0)).toBeGreaterThanOrEqual(2000);
  expect([...fuzzCounts.keys()].sort()).toEqual(targets.map(({ name }) => name).sort());
  for (const { tried, taken } of all) {
    expect(taken).toBeGreaterThan(0);
    expect(tried - taken).toBeGreaterThan(0);
  }
  console.log([...fuzzCounts].map(([name, { tried, taken }]) => `${name}: ${tried} cases, ${taken} taken`).join("\n"));
});
