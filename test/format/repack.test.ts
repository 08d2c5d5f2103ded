import { expect, it } from "vitest";
import { openPacked } from "../../src/format/packed/packed.ts";
import type { ModelFiles } from "../../src/format/source.ts";
import { convertModel, type ConvertDraft } from "../../src/load/convert.ts";
import { MemoryFiles, MemorySource } from "../helpers/memory-files.ts";
import { encodePacked } from "../helpers/packed-v2.ts";
import { TINY_CONFIGS } from "../helpers/tiny-checkpoint.ts";
import { packTiny, tinyEagleFiles } from "../helpers/tiny-packed.ts";

const single = (bytes: Uint8Array): ModelFiles => ({ name: "m", single: true, open: async () => new MemorySource("m", bytes) });

async function convert(bytes: Uint8Array, quantization?: "q8" | "q4", draft?: ConvertDraft, text?: ModelFiles): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  await convertModel(single(bytes), quantization, (piece) => void pieces.push(piece.slice()), undefined, draft, text);
  return new Uint8Array(Buffer.concat(pieces));
}

it.each([
  ["moe", "q8"],
  ["block", "q4"],
  ["mla", "f32"],
] as const)("formats 1 and 2 become what the folder becomes: %s %s", async (name, quantization) => {
  for (const vocab of [undefined, 0, 5]) {
    const fresh = await packTiny(TINY_CONFIGS[name], quantization, vocab);
    const { config, plan, draft, weightsOffset, bytes, readText } = await openPacked(new MemorySource("m", fresh));
    const { head } = encodePacked(config, plan, (await readText()).tokenizerJson, { draft });
    expect(await convert(new Uint8Array(Buffer.concat([head, fresh.subarray(weightsOffset, weightsOffset + bytes)])))).toEqual(fresh);
    expect(await convert(fresh)).toEqual(fresh);
  }
});

it("a head is added without quantising weights anew", async () => {
  const plain = await packTiny(TINY_CONFIGS.block, "q4");
  expect(await convert(plain, undefined, { files: tinyEagleFiles(TINY_CONFIGS.block), draftVocab: 5 })).toEqual(
    await packTiny(TINY_CONFIGS.block, "q4", 5),
  );
});

it("a tokenizer is taken from a folder", async () => {
  const text = new MemoryFiles({ "tokenizer.json": '{"a":1}' });
  const changed = await convert(await packTiny(TINY_CONFIGS.block, "q4"), undefined, undefined, text);
  const { readText } = await openPacked(new MemorySource("m", changed));
  expect(new TextDecoder().decode((await readText()).tokenizerJson)).toBe('{"a":1}');
});

it("f32 can be quantised, other types cannot", async () => {
  for (const name of ["block", "mla", "llama", "moe"] as const) {
    expect(await convert(await packTiny(TINY_CONFIGS[name], "f32"), "q8")).toEqual(await packTiny(TINY_CONFIGS[name], "q8"));
  }
  await expect(convert(await packTiny(TINY_CONFIGS.block, "q4"), "q8")).rejects.toMatchObject({ name: "ConfigError", field: "quantize" });
});

it("damage is not given new checksums", async () => {
  const bytes = await packTiny(TINY_CONFIGS.block, "q4");
  const { weightsOffset } = await openPacked(new MemorySource("m", bytes));
  bytes[weightsOffset + 40]! ^= 1;
  await expect(convert(bytes)).rejects.toMatchObject({ name: "FormatError", field: "embed" });
});
