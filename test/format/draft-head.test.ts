import { expect, it } from "vitest";
import { convertModel } from "../../src/load/convert.ts";
import { openPacked } from "../../src/format/packed/packed.ts";
import { openSafetensors } from "../../src/format/safetensors/safetensors.ts";
import type { Host } from "../../src/host.ts";
import type { EagleHead } from "../../src/engine/eagle.ts";
import { loadModel } from "../../src/load/load.ts";
import { loadEagle } from "../../src/load/eagle.ts";
import { summarizeModel } from "../../src/load/summary.ts";
import type { Quantization } from "../../src/architecture/quantization.ts";
import { MemorySource } from "../helpers/memory-files.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { diskFiles, testHost } from "../helpers/test-host.ts";
import { TINY_CONFIGS } from "../helpers/tiny-checkpoint.ts";
import { packTiny, tinyEagleFiles, tinyModelFiles } from "../helpers/tiny-packed.ts";

const hostOf = (bytes: Uint8Array): Host => ({
  ...testHost,
  open: async () => ({ name: "m", single: true, open: async () => new MemorySource("m", bytes) }),
});

/** Draft logits of three rows of made-up input, as bits. */
function logitsOf(head: EagleHead): Uint32Array[] {
  const { base, config } = head;
  const sequence = head.newSequence(8);
  const hidden = [1, 2, 3].map((seed) => Float32Array.from({ length: config.hiddenSize }, (_, i) => Math.sin(seed * 100 + i)));
  sequence.forward({ tokens: [7, 1, 3], hidden, positions: [0, 1, 2], at: 0, visible: 0, masks: [1n, 3n, 7n], logits: "all" });
  return [0, 1, 2].map((row) => base.engine.u32(head.logits.at(row), config.vocabSize).slice());
}

describeShared("a packed draft head", "checkpoints/blockffn-nano-eagle", () => {
  it.each<[Quantization, number]>([
    ["f32", 0],
    ["q8", 1024],
    ["q4", 500],
  ])("%s, %d draft tokens: the bits of the head from its folder", async (quantize, draftVocab) => {
    const [folder, eagle] = [sharedPath("checkpoints/blockffn-nano"), sharedPath("checkpoints/blockffn-nano-eagle")];
    const pieces: Uint8Array[] = [];
    await convertModel(diskFiles(folder), quantize, (bytes) => void pieces.push(bytes), undefined, { files: diskFiles(eagle), draftVocab });
    const packed = await loadModel(hostOf(new Uint8Array(Buffer.concat(pieces))), "m");
    const base = await loadModel(testHost, folder, { quantize });
    expect(packed.hasDraftHead).toBe(true);
    expect(packed.draftHead()).toBe(packed.draftHead());
    const head = await loadEagle(testHost, eagle, base, draftVocab === 0 ? {} : { draftVocab });
    expect(packed.draftHead().draftTokens).toEqual(head.draftTokens);
    expect(logitsOf(packed.draftHead())).toEqual(logitsOf(head));
    packed.dispose();
    expect(() => packed.draftHead()).toThrow(/disposed/);
    base.dispose();
  });
});

it("files are of version 3, with a head or without", async () => {
  const plain = await packTiny(TINY_CONFIGS.block, "q8");
  const drafting = await packTiny(TINY_CONFIGS.block, "q8", 5);
  const version = async (bytes: Uint8Array): Promise<unknown> =>
    (await openSafetensors(new MemorySource("m", bytes))).metadata.get("blockffn.version");
  expect([await version(plain), await version(drafting)]).toEqual(["3", "3"]);
  const model = await loadModel(hostOf(plain), "m");
  expect(model.hasDraftHead).toBe(false);
  expect(() => model.draftHead()).toThrow(/no EAGLE head; make one that does with convert --draft/);
  const { draft, bytes, plan } = await openPacked(new MemorySource("m", drafting));
  expect(draft?.config).toEqual({ layers: 1, ropeTheta: 10000, heads: 2, kvHeads: 1, headDim: 4, ffnSize: 12, draftVocab: 5 });
  expect(bytes).toBeGreaterThan(plan.bytes);
});

it("takes no memory for the head before it is used, beyond its weights", async () => {
  const model = await loadModel(hostOf(await packTiny(TINY_CONFIGS.block, "q8", 5)), "m");
  const probe = model.arena.allocate(64, "probe");
  model.arena.release(probe, 64);
  const head = model.draftHead();
  expect(head.config.vocabSize).toBe(5);
  expect(model.arena.allocate(64, "probe")).toBe(probe);
  model.arena.release(probe, 64);
  logitsOf(head);
  expect(model.arena.allocate(64, "probe")).toBeGreaterThan(probe);
});

it("drafts a quarter of the vocabulary unless told otherwise, and all where there is no ranking", async () => {
  const convert = async (draft: Parameters<typeof convertModel>[4]): Promise<number | undefined> => {
    const pieces: Uint8Array[] = [];
    await convertModel(tinyModelFiles(TINY_CONFIGS.block), "q8", (bytes) => void pieces.push(bytes), undefined, draft);
    return (await openPacked(new MemorySource("m", new Uint8Array(Buffer.concat(pieces))))).draft?.config.draftVocab;
  };
  const files = tinyEagleFiles(TINY_CONFIGS.block);
  const unranked = {
    ...files,
    name: "x",
    single: false,
    open: async (name: string) => (name === "token_frequency_rank.json" ? undefined : files.open(name)),
  };
  expect(await convert(undefined)).toBeUndefined();
  expect(await convert({ files })).toBe(4);
  expect(await convert({ files, draftVocab: 9 })).toBe(9);
  expect(await convert({ files: unranked })).toBe(0);
  await expect(convert({ files, draftVocab: 17 })).rejects.toMatchObject({ field: "draftVocab" });
  await expect(convert({ files: tinyEagleFiles(TINY_CONFIGS.block, [1, 1]), draftVocab: 2 })).rejects.toMatchObject({
    name: "ConfigError",
    file: "token_frequency_rank.json",
  });
});

it("inspect counts the head as a part of its own", async () => {
  const files = { name: "m", single: true, open: async () => new MemorySource("m", await packTiny(TINY_CONFIGS.block, "q8", 5)) };
  const { parts } = await summarizeModel(files);
  const head = parts.find(({ part }) => part === "draft head");
  // fc 8x16 and bias, 3 norms, q and o 8x8, k and v 4x8, FFN 3 x 12x8, 5 tokens.
  expect(head?.parameters).toBe(128 + 8 + 24 + 128 + 64 + 288);
});
