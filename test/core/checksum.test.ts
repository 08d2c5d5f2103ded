import { beforeAll, expect, it } from "vitest";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { checksumOf } from "../../src/format/packed/checksums.ts";
import { CoreProbe } from "../helpers/core-probe.ts";

let probe: CoreProbe;
beforeAll(async () => {
  probe = await CoreProbe.start();
});

/** Of core/ as TypeScript has it, of core/ as AssemblyScript has it, and of the kernel. */
function all(bytes: Uint8Array): number[] {
  let out: number[] = [];
  probe.with(bytes, (at, length) => {
    probe.exports.checksums(at, length);
    out = probe.floats();
  });
  return [checksumOf(bytes), ...out.map((sum) => sum >>> 0)];
}

// Published values of XXH32 with seed 0.
it.each([
  ["", 0x02cc5d05], ["a", 0x550d7456], ["abc", 0x32d153ff], ["Nobody inspects the spammish repetition", 0xe2293b2f],
])("XXH32 of %j", (text, expected) => {
  expect(all(new TextEncoder().encode(text))).toEqual([expected, expected, expected]);
});

it("is the same in both compilers and in the kernel, at any length", () => {
  const random = createRandom(3);
  for (let length = 0; length < 100; length++) {
    const [sum, ...others] = all(Uint8Array.from({ length }, () => Math.floor(random.float() * 256)));
    expect(others, `${length} bytes`).toEqual([sum, sum]);
  }
});
