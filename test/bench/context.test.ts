import { describe, expect, it } from "vitest";
import { benchContext } from "../../bench/context.ts";
import { DEFAULT_MODEL } from "../../host/node/package.ts";
import { loadModel } from "../../src/load/load.ts";
import { testHost } from "../helpers/test-host.ts";

const request = { rounds: 1, token: (position: number): number => position % 7, onProgress: () => undefined };

describe("bench context", () => {
  it("times every number of rows behind every context, and counts the cache that they see", async () => {
    const model = await loadModel(testHost, DEFAULT_MODEL, { tier: "simd", threads: 1 });
    const results = benchContext(model, { ...request, contexts: [8, 40], rows: [1, 2] });
    expect(results.map(({ rows, context }) => [rows, context])).toEqual([
      [1, 8],
      [1, 40],
      [2, 8],
      [2, 40],
    ]);
    for (const { min, median, cacheShare } of results) {
      expect(min).toBeGreaterThan(0);
      expect(median).toBeGreaterThanOrEqual(min);
      expect(cacheShare).toBeGreaterThanOrEqual(0);
      expect(cacheShare).toBeLessThan(1);
    }
    expect(results[0]?.overFirst).toBe(1);
    expect((results[1]?.cacheMegabytes ?? 0) / (results[0]?.cacheMegabytes ?? 0)).toBeCloseTo(5, 10);
    model.dispose();
  });

  it("refuses contexts that the model has no room for", async () => {
    const model = await loadModel(testHost, DEFAULT_MODEL, { tier: "simd", threads: 1 });
    const contexts = [8, model.config.contextLength];
    expect(() => benchContext(model, { ...request, contexts, rows: [4] })).toThrow(/at most \d+/u);
    model.dispose();
  });
});
