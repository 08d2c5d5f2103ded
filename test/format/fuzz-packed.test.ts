import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openPacked } from "../../src/format/packed/packed.ts";
import { encodePacked } from "../helpers/packed-v2.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import { loadModel } from "../../src/load/load.ts";
import { damages, EDGE_NUMBERS, fuzzCounts, tryCase, type FuzzTarget } from "../helpers/fuzz.ts";
import { MemorySource } from "../helpers/memory-files.ts";
import { TINY_CONFIGS } from "../helpers/tiny-checkpoint.ts";
import { packTiny } from "../helpers/tiny-packed.ts";
import { testHost } from "../helpers/test-host.ts";

const SEED = 20261123;
const RUNS = 300;
const SPARE_BYTES = 64 << 20;
console.log(`fuzz seed ${SEED}`);

/** Loads a packed file from memory and runs a few tokens: right bytes give finite logits, wrong ones a typed error. */
async function run(bytes: Uint8Array): Promise<void> {
  const files = { name: "model.safetensors", single: true, open: async () => new MemorySource("model.safetensors", bytes) };
  const model = await loadModel({ ...testHost, open: async () => files }, "model.safetensors");
  expect(model.engine.memory.buffer.byteLength).toBeLessThanOrEqual(bytes.length + SPARE_BYTES);
  const sequence = model.newSequence({ capacity: Math.min(4, model.config.contextLength) });
  const result = sequence.forward([0, 1 % model.config.vocabSize].slice(0, sequence.capacity));
  expect(result.argmax(0)).toBeLessThan(model.config.vocabSize);
  model.dispose();
}

const targets: FuzzTarget[] = [];
for (const [name, quantization] of [
  ["llama", "q4"],
  ["block", "q8"],
  ["mla", "f32"],
  ["moe", "q8"],
  ["deco", "q4"],
] as const) {
  targets.push({ name: `packed ${name} ${quantization}`, bytes: await packTiny(TINY_CONFIGS[name], quantization), open: run });
}

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

  test("truncated at every byte of the header and many of the data", async () => {
    const header = 8 + Number(new DataView(fuzzed.bytes.buffer).getBigUint64(0, true));
    for (let length = 0; length < fuzzed.bytes.length; length += length < header + 64 ? 1 : 97) {
      expect(await tryCase(fuzzed, fuzzed.bytes.slice(0, length)), `${length} bytes`).toBe(false);
    }
  });

  test("configurations that disagree with the weights, or are no configurations", async () => {
    const { config, plan } = await openPacked(new MemorySource("model.safetensors", fuzzed.bytes));
    const value = fc.oneof(
      fc.constantFrom(...EDGE_NUMBERS),
      fc.constantFrom(-1, 0.5, null, "", true, [], {}, "gqa", "mla", "dense", "experts", "topk"),
      fc.integer({ min: 0, max: 40 }),
    );
    const paths = leaves(config as unknown as Record<string, unknown>);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom(...paths), value), { minLength: 1, maxLength: 2 }), async (changes) => {
        const wrong = structuredClone(config) as unknown as Record<string, unknown>;
        for (const [path, v] of changes) setAt(wrong, path, v);
        const { head, weightsOffset } = encodePacked(wrong as unknown as ModelConfig, plan, undefined);
        const file = new Uint8Array(weightsOffset + plan.bytes);
        file.set(head);
        file.set(fuzzed.bytes.subarray(fuzzed.bytes.length - (plan.bytes - tail(plan.parts))), weightsOffset);
        await tryCase(fuzzed, file);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });

  test("NaN and infinity anywhere in the weights are found", async () => {
    const { plan, weightsOffset } = await openPacked(new MemorySource("model.safetensors", fuzzed.bytes));
    for (const part of plan.parts) {
      if (!part.vector) continue;
      for (const word of [0x7fc00000, 0x7f800000, 0xff800000]) {
        const bytes = fuzzed.bytes.slice();
        new DataView(bytes.buffer).setUint32(weightsOffset + part.offset, word, true);
        await expect(run(bytes)).rejects.toMatchObject({ name: "FormatError", file: "model.safetensors", field: part.name });
      }
    }
    const first = plan.parts[0]!;
    const bytes = fuzzed.bytes.slice();
    // The first f32 weight, or the first two bf16 scales.
    new DataView(bytes.buffer).setUint32(weightsOffset + first.offset, 0x7f807f80, true);
    if (first.type === 0) new DataView(bytes.buffer).setUint32(weightsOffset + first.offset, 0x7f800000, true);
    await expect(run(bytes)).rejects.toMatchObject({ name: "FormatError", field: first.name });
  });
});

test("there were enough cases, and some of every target were refused", () => {
  const all = [...fuzzCounts.values()];
  expect(all.reduce((n, { tried }) => n + tried, 0)).toBeGreaterThanOrEqual(2000);
  for (const { tried, taken } of all) {
    expect(taken).toBeGreaterThan(0);
    expect(tried - taken).toBeGreaterThan(0);
  }
  console.log([...fuzzCounts].map(([name, { tried, taken }]) => `${name}: ${tried} cases, ${taken} taken`).join("\n"));
});

/** Padding after the last part, which a packed file leaves out. */
function tail(parts: readonly { offset: number; bytes: number }[]): number {
  const last = parts[parts.length - 1]!;
  return Math.ceil((last.offset + last.bytes) / 64) * 64 - (last.offset + last.bytes);
}

function leaves(value: Record<string, unknown>, prefix: string[] = []): string[][] {
  return Object.entries(value).flatMap(([key, v]) =>
    typeof v === "object" && v !== null && !Array.isArray(v)
      ? [[...prefix, key], ...leaves(v as Record<string, unknown>, [...prefix, key])]
      : [[...prefix, key]],
  );
}

function setAt(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path;
  const inner = target[key as string];
  if (rest.length === 0 || typeof inner !== "object" || inner === null) target[key as string] = value;
  else setAt(inner as Record<string, unknown>, rest, value);
}
