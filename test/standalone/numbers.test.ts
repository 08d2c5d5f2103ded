import { beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { WasiProbe } from "../helpers/wasi-probe.ts";

describe("numbers of the WASI command", () => {
  let probe: WasiProbe;
  beforeAll(async () => {
    probe = await WasiProbe.create();
  });
  const parse = (text: string): number => probe.with(new TextEncoder().encode(text), (at, length) => probe.exports.parseNumber(at, length));

  it("are read from JSON as JavaScript reads them", () => {
    const random = createRandom(1);
    for (let i = 0; i < 5000; i++) {
      // All digits that JavaScript writes, at sizes that configurations have.
      const value = random.float() * 10 ** ((i % 24) - 12);
      expect(parse(String(value)), String(value)).toBe(value);
    }
    for (const text of ["0", "1", "-1", "1e-5", "1E+6", "0.1", "4096", "1e12", "9007199254740991", "0.00001", "123456789012345680000"])
      expect(parse(text), text).toBe(Number(text));
  });
});
