import { expect, it } from "vitest";
import { holds } from "./check.ts";
import { fuzz } from "./fuzz.ts";

// The same with four thousand: npm run check:long -- fuzz
it("three hundred hostile models by library, command line, processes and WASI command: no long block, little memory, typed ends", async () => {
  const findings = await fuzz.run({ count: 300 });
  // Bytes and blocks are judged by the long form, which has the process to itself.
  for (const finding of findings.filter(({ what }) => /untyped/.test(what)))
    expect.soft(holds(finding), JSON.stringify(finding)).toBe(true);
  for (const host of ["library", "cli", "wasi", "process"])
    expect(findings.find(({ what }) => what === `taken by ${host}`)?.value).toBeGreaterThan(0);
}, 240_000);
