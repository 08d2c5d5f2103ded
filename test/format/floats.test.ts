import { expect, test } from "vitest";
import { f16ToF32Bits, floatsFromBytes, readFloats, widenBf16 } from "../../src/format/floats.ts";

/** binary16 by its definition, in float64. */
function halfByDefinition(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

test("every binary16 value widens exactly, NaN payloads included", () => {
  const all = Uint16Array.from({ length: 65_536 }, (_, i) => i);
  const floats = floatsFromBytes("F16", new Uint8Array(all.buffer));
  const bits = new Uint32Array(floats.buffer);
  for (let h = 0; h < 65_536; h++) {
    const expected = halfByDefinition(h);
    if (!Object.is(floats[h], expected)) expect.fail(`0x${h.toString(16)}: ${floats[h]} instead of ${expected}`);
    if (Number.isNaN(expected) && (bits[h]! >>> 13) % 1024 !== h % 1024) expect.fail(`0x${h.toString(16)}: NaN payload`);
    if (f16ToF32Bits(h) >>> 0 !== bits[h]) expect.fail(`0x${h.toString(16)}: bits differ`);
  }
});

test("bfloat16 is the upper half of float32 for every value", () => {
  const all = Uint16Array.from({ length: 65_536 }, (_, i) => i);
  const out = new Uint32Array(65_536);
  widenBf16(all, out);
  expect(out.every((bits, h) => bits === h * 65_536)).toBe(true);
});

test("bytes at odd addresses and empty input", () => {
  const shifted = new Uint8Array(9);
  shifted.set(new Uint8Array(Float32Array.of(1.5, -2).buffer), 1);
  expect([...floatsFromBytes("F32", shifted.subarray(1))]).toEqual([1.5, -2]);
  expect([...floatsFromBytes("BF16", Uint8Array.of(0x80, 0x3f, 0x00, 0xc0))]).toEqual([1, -2]);
  expect(floatsFromBytes("F16", new Uint8Array(0))).toHaveLength(0);
});

test("readFloats reads once, into the buffer that it returns", async () => {
  for (const [dtype, bytes] of [
    ["F32", 4],
    ["F16", 2],
    ["BF16", 2],
  ] as const) {
    const targets: Uint8Array[] = [];
    const floats = await readFloats(dtype, 5, "f", async (target) => void targets.push(target.fill(0)));
    expect(targets.map((target) => target.length)).toEqual([5 * bytes]);
    expect(targets[0]?.buffer).toBe(floats.buffer);
    expect(floats).toHaveLength(5);
  }
});
