import { expect, it } from "vitest";
import { holds } from "./check.ts";
import { generations } from "./generations.ts";

// The same with ten thousand: npm run check:long -- generations
it("two hundred generations of mixed lengths and drafters leave memory where it was after the first hundred", async () => {
  const findings = await generations.run({ count: 200 });
  for (const finding of findings) expect.soft(holds(finding), JSON.stringify(finding)).toBe(true);
  expect(findings.find(({ what }) => what === "generations")?.value).toBe(200);
  expect(findings.find(({ what }) => what === "new tokens")?.value).toBeGreaterThan(500);
  expect(findings.filter(({ limit }) => limit !== undefined)).toHaveLength(3);
});
