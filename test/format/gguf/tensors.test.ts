import fc from "fast-check";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../../src/errors.ts";
import { dequantize } from "../../../src/format/gguf/blocks.ts";
import { readGgufHeader } from "../../../src/format/gguf/header.ts";
import { GgufTensors } from "../../../src/format/gguf/tensors.ts";
import { isGgufType } from "../../../src/format/gguf/types.ts";
import { MemorySource } from "../../helpers/memory-files.ts";
import { tinyGguf } from "../../helpers/tiny-gguf.ts";

const { types } = JSON.parse(readFileSync(new URL("blocks.json", import.meta.url), "utf8")) as {
  types: Readonly<Record<string, { readonly bytes: string }>>;
};
const CODES: Readonly<Record<string, number>> = {
  F32: 0,
  F16: 1,
  BF16: 30,
  Q4_0: 2,
  Q4_1: 3,
  Q5_0: 6,
  Q5_1: 7,
  Q8_0: 8,
  Q4_K: 12,
  Q5_K: 13,
  Q6_K: 14,
};
const HEADS = 2;

// Any stretch of a tensor is that stretch of the whole, and reading it reads little else.
describe.each(Object.keys(CODES))("%s", (type) => {
  if (!isGgufType(type)) throw new Error(type);
  const bytes = new Uint8Array(Buffer.from(types[type]!.bytes, "base64"));
  const whole = dequantize(type, bytes);
  // Four rows: two heads of two.
  const shape = [4, whole.length / 4];
  const source = new MemorySource(
    "m.gguf",
    tinyGguf({}, { other: { shape: [1], bytes: new Uint8Array(4) }, w: { code: CODES[type]!, shape, bytes } }),
  );
  const open = async (heads: number) =>
    new GgufTensors(source, (await readGgufHeader(source)).tensors, [{ source: "weight", gguf: "w", heads }]);

  it("any stretch", async () => {
    const tensors = await open(0);
    expect(tensors.info("weight")).toEqual({ dtype: type, shape });
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), fc.nat(whole.length), async (a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        expect(await tensors.readF32("weight", start, end - start)).toEqual(whole.slice(start, end));
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it("any stretch of rows of heads, in the order of a folder", async () => {
    const tensors = await open(HEADS);
    const cols = shape[1]!;
    // Rows of a head of two are where they were; of one head of four they are 0, 2, 1, 3.
    expect(await tensors.readF32("weight", 0, whole.length)).toEqual(whole);
    const one = await open(1);
    const rows = [0, 2, 1, 3].map((row) => whole.slice(row * cols, (row + 1) * cols));
    const turned = Float32Array.from(rows.flatMap((row) => [...row]));
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), fc.nat(whole.length), async (a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        expect(await one.readF32("weight", start, end - start)).toEqual(turned.slice(start, end));
      }),
      { seed: 2, numRuns: 60 },
    );
  });

  it("nothing beyond its end, and no other tensor", async () => {
    const tensors = await open(0);
    for (const [start, count] of [
      [0, whole.length + 1],
      [whole.length, 1],
      [-1, 1],
      [0.5, 1],
    ] as const)
      await expect(tensors.readF32("weight", start, count)).rejects.toThrow(FormatError);
    await expect(tensors.readF32("w", 0, 1)).rejects.toThrow(/no such tensor/);
  });
});
