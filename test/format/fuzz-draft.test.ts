import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EagleDrafter } from "../../src/decode/drafters/eagle.ts";
import { layoutDraft, type DraftConfig } from "../../src/architecture/draft-head.ts";
import { openPacked } from "../../src/format/packed/packed.ts";
import { encodePacked } from "../helpers/packed-v2.ts";
import { loadModel } from "../../src/load/load.ts";
import { damages, EDGE_NUMBERS, fuzzCounts, tryCase, type FuzzTarget } from "../helpers/fuzz.ts";
import { MemorySource } from "../helpers/memory-files.ts";
import { testHost } from "../helpers/test-host.ts";
import { TINY_CONFIGS } from "../helpers/tiny-checkpoint.ts";
import { packTiny } from "../helpers/tiny-packed.ts";

const SEED = 20261124;
const RUNS = 300;
const SPARE_BYTES = 64 << 20;
console.log(`fuzz seed ${SEED}`);

/** Loads a packed file with a head from memory and drafts: right bytes give tokens of the vocabulary, wrong ones a typed error. */
async function run(bytes: Uint8Array): Promise<void> {
  const files = { name: "model.safetensors", single: true, open: async () => new MemorySource("model.safetensors", bytes) };
  const model = await loadModel({ ...testHost, open: async () => files }, "model.safetensors");
  try {
    if (!model.hasDraftHead) return;
    const { vocabSize, hiddenSize } = model.config;
    const drafter = new EagleDrafter(model.draftHead(), { capacity: Math.min(4, model.config.contextLength), scaled: true });
    drafter.accept([0, 1], [new Float32Array(0), new Float32Array(hiddenSize).fill(0.5)]);
    for (const token of drafter.propose(6).tokens) expect(token).toBeLessThan(vocabSize);
    expect(model.engine.memory.buffer.byteLength).toBeLessThanOrEqual(bytes.length + SPARE_BYTES);
  } finally {
    model.dispose();
  }
}

const targets: FuzzTarget[] = [
  { name: "draft head of 5 tokens, block q8", bytes: await packTiny(TINY_CONFIGS.block, "q8", 5), open: run },
  { name: "draft head of all tokens, mla f32", bytes: await packTiny(TINY_CONFIGS.mla, "f32", 0), open: run },
  { name: "draft head of 3 tokens, llama q4", bytes: await packTiny(TINY_CONFIGS.llama, "q4", 3), open: run },
];

describe.each(targets)("$name", (fuzzed) => {
  const open = () => openPacked(new MemorySource("model.safetensors", fuzzed.bytes));

  test("the bytes themselves are right", async () => {
    expect(await tryCase(fuzzed, fuzzed.bytes)).toBe(true);
  });

  test("damaged bytes", async () => {
    await fc.assert(
      fc.asyncProperty(damages, async (change) => void (await tryCase(fuzzed, change(fuzzed.bytes)))),
      { seed: SEED, numRuns: RUNS },
    );
  });

  test("truncated", async () => {
    const header = 8 + Number(new DataView(fuzzed.bytes.buffer).getBigUint64(0, true));
    for (let length = 0; length < fuzzed.bytes.length; length += length < header + 64 ? 7 : 97) {
      expect(await tryCase(fuzzed, fuzzed.bytes.slice(0, length)), `${length} bytes`).toBe(false);
    }
  });

  test("configurations of the head that disagree with its weights, or are none", async () => {
    const { config, plan, draft, weightsOffset } = await open();
    const right = draft!;
    const value = fc.oneof(
      fc.constantFrom(...EDGE_NUMBERS),
      fc.constantFrom(-1, 0.5, null, "", true, [], {}),
      fc.integer({ min: 0, max: 40 }),
    );
    const field = fc.constantFrom(...Object.keys(right.config), "other");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(field, value), { minLength: 1, maxLength: 2 }), async (changes) => {
        const wrong = { ...right.config, ...Object.fromEntries(changes) } as unknown as DraftConfig;
        const { head, weightsOffset: at } = encodePacked(config, plan, undefined, { draft: { ...right, config: wrong } });
        const data = fuzzed.bytes.subarray(weightsOffset);
        const file = new Uint8Array(at + data.length);
        file.set(head);
        file.set(data, at);
        await tryCase(fuzzed, file);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });

  test("weights that are not finite, and tokens that are not in the vocabulary or there twice", async () => {
    const { config, draft, weightsOffset } = await open();
    const { parts, plan, tokensAt } = draft!;
    const with32 = (offset: number, word: number): Uint8Array => {
      const bytes = fuzzed.bytes.slice();
      new DataView(bytes.buffer).setUint32(weightsOffset + offset, word, true);
      return bytes;
    };
    for (const part of plan.parts) {
      if (!part.vector) continue;
      const { offset, name } = parts.find(({ name }) => name === `draft.${part.name}`)!;
      for (const word of [0x7fc00000, 0x7f800000])
        await expect(run(with32(offset, word))).rejects.toMatchObject({ name: "FormatError", file: "model.safetensors", field: name });
    }
    if (tokensAt === undefined) return;
    for (const id of [config.vocabSize, 0xffff_ffff, new DataView(fuzzed.bytes.buffer).getUint32(weightsOffset + tokensAt + 4, true)]) {
      await expect(run(with32(tokensAt, id))).rejects.toMatchObject({ name: "FormatError", field: "draft.tokens" });
    }
  });
});

test("a head for one model is refused beside the weights of another", async () => {
  const { config, plan, draft } = await openPacked(new MemorySource("model.safetensors", targets[0]!.bytes));
  const other = { ...config, hiddenSize: 16 };
  const { head } = encodePacked(other, plan, undefined, { draft: layoutDraft(draft!.config, plan, config) });
  await expect(run(head)).rejects.toMatchObject({ name: "FormatError" });
});

test("some of every target were refused", () => {
  for (const { tried, taken } of fuzzCounts.values()) {
    expect(taken).toBeGreaterThan(0);
    expect(tried - taken).toBeGreaterThan(0);
  }
  console.log([...fuzzCounts].map(([name, { tried, taken }]) => `${name}: ${tried} cases, ${taken} taken`).join("\n"));
});
