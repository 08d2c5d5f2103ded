import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadModel } from "../../host/node/index.ts";
import { ConfigError, FormatError, SourceError } from "../../src/errors.ts";
import { openCheckpoint } from "../../src/format/hf/checkpoint.ts";
import { openSafetensors } from "../../src/format/safetensors/safetensors.ts";
import { MemoryFiles, MemorySource } from "../helpers/memory-files.ts";
import { TINY_CONFIGS, tinyCheckpoint } from "../helpers/tiny-checkpoint.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";
import { rawSafetensors } from "../helpers/tiny-safetensors.ts";
import { op } from "../helpers/tiny-torch.ts";
import { tinyZip } from "../helpers/tiny-zip.ts";

const folder = temporaryFolder();
const LFS =
  "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
const text = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));
const padded = (head: Uint8Array): Uint8Array => Uint8Array.of(...head, ...new Uint8Array(600));
const tar = padded(new Uint8Array(257));
tar.set(text("ustar"), 257);

const pickled = (...keys: string[]): Uint8Array =>
  Uint8Array.from([
    ...op.proto,
    ...op.emptyDict,
    ...op.mark,
    ...keys.flatMap((key) => [...op.text(key), ...op.int(3)]),
    ...op.setItems,
    ...op.stop,
  ]);
const lightning = tinyZip([{ name: "archive/data.pkl", data: pickled("epoch", "pytorch-lightning_version", "state_dict") }]);
const training = tinyZip([{ name: "archive/data.pkl", data: pickled("epoch", "model_state_dict") }]);

const FILES: readonly (readonly [what: string, bytes: Uint8Array, message: RegExp])[] = [
  ["a Git LFS pointer", text(LFS), /Git LFS pointer.*git lfs pull/],
  ["a GGML file", padded(text("tjgg\x01\0\0\0")), /GGML/],
  ["an ONNX model", padded(Uint8Array.of(8, 8, 0x12, 7, ...text("pytorch"))), /ONNX.*exported from/],
  ["an HDF5 file", padded(text("\x89HDF\r\n\x1a\n")), /HDF5/],
  ["a TFLite model", padded(text("\x1c\0\0\0TFL3")), /TensorFlow Lite/],
  ["a pickle", padded(Uint8Array.of(0x80, 2, 0x8a, 10)), /before PyTorch 1\.6/],
  ["a gzip file", padded(Uint8Array.of(0x1f, 0x8b, 8)), /gzip/],
  ["a tar archive", tar, /tar archive/],
  ["a web page", text("<!DOCTYPE html><html><body>Sign in</body></html>"), /web page/],
  ["a Lightning checkpoint", lightning, /PyTorch Lightning.*save_pretrained/],
  ["a training checkpoint", training, /checkpoint of training/],
];

it("a GGUF file among a folder's weights, or in a stream", async () => {
  const files = new MemoryFiles({ "config.json": JSON.stringify(TINY_CONFIGS.llama), "model.safetensors": padded(text("GGUF\x03\0\0\0")) });
  await expect(openCheckpoint(files)).rejects.toThrow(/GGUF file: give its own path.*convert/);
});

describe.each(FILES)("%s", (what, bytes, message) => {
  it("as a packed model", async () => {
    const path = join(folder, `${what.replaceAll(" ", "-")}.model`);
    writeFileSync(path, bytes);
    const error: unknown = await loadModel(path).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(FormatError);
    expect((error as FormatError).message).toMatch(message);
    expect((error as FormatError).file).toBe(path);
  });

  it("as weights of a folder", async () => {
    const config = JSON.stringify(TINY_CONFIGS.llama);
    const isZip = bytes[0] === 0x50;
    const name = isZip ? "pytorch_model.bin" : "model.safetensors";
    await expect(openCheckpoint(new MemoryFiles({ "config.json": config, [name]: bytes }))).rejects.toThrow(message);
  });
});

it.each(["config.json", "generation_config.json", "model.safetensors.index.json"])("an LFS pointer in place of %s", async (name) => {
  const { "model.safetensors": weights, ...others } = tinyCheckpoint(TINY_CONFIGS.llama);
  const files = new MemoryFiles({
    ...others,
    "config.json": JSON.stringify(TINY_CONFIGS.llama),
    ...(name.endsWith("index.json") ? {} : { "model.safetensors": weights! }),
    [name]: LFS,
  });
  await expect(openCheckpoint(files)).rejects.toMatchObject({ file: name, message: expect.stringMatching(/Git LFS pointer/) as string });
});

it("an LFS pointer that comes as a stream", async () => {
  const source = Object.assign(new MemorySource("m", text(LFS)), { sequential: true });
  await expect(openSafetensors(source)).rejects.toThrow(/Git LFS/);
});

it("weights under another name: what is there is told", async () => {
  const files = Object.assign(new MemoryFiles({ "config.json": JSON.stringify(TINY_CONFIGS.llama), "m.gguf": padded(text("GGUF")) }), {
    names: async () => ["config.json", "m.gguf"],
  });
  await expect(openCheckpoint(files)).rejects.toMatchObject({
    name: SourceError.name,
    message: expect.stringMatching(/looked for .*m\.gguf is a GGUF file/) as string,
  });
});

describe("Python's constants in JSON", () => {
  const withText = (field: string): MemoryFiles =>
    new MemoryFiles({
      ...tinyCheckpoint(TINY_CONFIGS.llama),
      "config.json": JSON.stringify({ ...TINY_CONFIGS.llama, ODD: 1 }).replace('"ODD":1', field),
    });

  it.each(['"time_step_limit":[0.0,Infinity]', '"x":[-Infinity,NaN,"Infinity \\" NaN"]'])(
    "pass where nobody needs them: %s",
    async (field) => {
      expect((await openCheckpoint(withText(field))).config.architecture).toBe("llama");
    },
  );

  it.each([
    ['"rms_norm_eps":Infinity', /rms_norm_eps.*not Infinity/],
    ['"rms_norm_eps":NaN', /rms_norm_eps.*NaN/],
    ['"x":Nan', /not JSON/],
    ['"x":"Infinity', /not JSON/],
  ])("%s is told", async (field, message) => {
    await expect(openCheckpoint(withText(field))).rejects.toThrow(message);
  });
});

describe("safetensors headers", () => {
  const header = (dtype: string, shape: number[], bytes: number): Uint8Array =>
    rawSafetensors(JSON.stringify({ a: { dtype, shape, data_offsets: [0, bytes] } }), bytes);

  it.each([
    ["U16", [2], 4],
    ["U32", [2], 8],
    ["U64", [2], 16],
    ["F8_E4M3", [3], 3],
    ["F8_E5M2", [3], 3],
    ["F8_E8M0", [1], 1],
    ["C64", [1], 8],
    ["F4", [4], 2],
    ["F6_E2M3", [4], 3],
  ])("know %s", async (dtype, shape, bytes) => {
    expect((await openSafetensors(new MemorySource("m", header(dtype, shape, bytes)))).info("a")).toMatchObject({ dtype, shape });
    await expect(openSafetensors(new MemorySource("m", header(dtype, shape, bytes + 1)))).rejects.toThrow(FormatError);
  });

  it("refuse packed types that end within a byte", async () => {
    await expect(openSafetensors(new MemorySource("m", header("F4", [3], 2)))).rejects.toThrow(/within a byte/);
  });

  it("may have no metadata", async () => {
    for (const json of ['{"__metadata__":null}', '{"__metadata__" : null ,"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}']) {
      expect((await openSafetensors(new MemorySource("m", rawSafetensors(json)))).metadata.size).toBe(0);
    }
    await expect(openSafetensors(new MemorySource("m", rawSafetensors('{"__metadata__":nullx}')))).rejects.toThrow(FormatError);
  });

  it("a weight of a type that cannot be read is told with what can", async () => {
    const files = tinyCheckpoint(TINY_CONFIGS.llama);
    const bytes = files["model.safetensors"] as Uint8Array;
    const changed = new TextDecoder("latin1").decode(bytes).replace('"dtype":"F32"', '"dtype":"U32"');
    const error: unknown = await openCheckpoint(
      new MemoryFiles({ ...files, "config.json": JSON.stringify(TINY_CONFIGS.llama), "model.safetensors": text(changed) }),
    ).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toMatch(/U32; supported are F32, F16 and BF16/);
  });
});
