import { existsSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ImposedRouting } from "../../bench/modes/imposed.ts";
import { measureShape } from "../../bench/modes/simulated.ts";
import { fitRouting, RoutingTrace } from "../../bench/modes/routing.ts";
import { ROUTING } from "../../bench/modes/paper.ts";
import type { ModesReport } from "../../bench/modes/types.ts";
import { SHAPES } from "../../synthetic/shapes.ts";
import { syntheticModel } from "../../synthetic/model.ts";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { UsageError } from "../../src/errors.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import { bench } from "../helpers/fake-io.ts";
import { root, testHost, TIERS } from "../helpers/test-host.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";

const NANO = SHAPES["nano"] as ModelConfig;
const SMALL: ModelConfig = { ...NANO, layers: 2, vocabSize: 512 };

describe("imposed routing", () => {
  for (const tier of TIERS) {
    it(`${tier}: the engine uses exactly the experts it is given, in chunks and one by one, and the router decides again afterwards`, async () => {
      const model = await syntheticModel(testHost, SMALL, "f32", tier);
      const imposed = new ImposedRouting(model);
      const trace = new RoutingTrace(fitRouting(48, ROUTING["nano"]!), 2, createRandom(1));
      const masks = trace.draw([-1, 0, 1, 2, 3]);
      const tokens = [5, 6, 7, 8, 9];
      const own = (): number[] => Array.from(model.newSequence({ capacity: 8 }).forward(tokens).activeExperts);
      const before = own();
      const whole = model.newSequence({ capacity: 8 });
      imposed.set(masks);
      const result = whole.forward(tokens, { logits: "all" });
      expect(Array.from(result.activeExperts)).toEqual(Array.from(masks));
      const logits = tokens.map((_, row) => Array.from(new Uint32Array(result.logits(row).slice().buffer)));
      // Computing all experts gives the same bits: those that are off have score 0.
      model.ffn = "dense";
      const dense = model.newSequence({ capacity: 8 }).forward(tokens, { logits: "all" });
      expect(tokens.map((_, row) => Array.from(new Uint32Array(dense.logits(row).slice().buffer)))).toEqual(logits);
      model.ffn = "sparse";
      const single = model.newSequence({ capacity: 8 });
      tokens.forEach((token, row) => {
        imposed.set(Uint32Array.from([0, 1].flatMap((layer) => [0, 1].map((word) => masks[(layer * 5 + row) * 2 + word]!))));
        expect(Array.from(new Uint32Array(single.forward([token]).logits(0).slice().buffer))).toEqual(logits[row]);
      });
      imposed.off();
      expect(own()).toEqual(before);
      expect(before).not.toEqual(Array.from(masks));
      // No expert at all is possible too.
      imposed.set(new Uint32Array(4));
      expect(model.newSequence({ capacity: 8 }).forward([3]).logits(0).every(Number.isFinite)).toBe(true);
      expect(() => imposed.set(new Uint32Array(1e6))).toThrow(RangeError);
      model.dispose();
    });
  }
});

describe("modes of a shape", () => {
  it("measures every mode and tree, real passes beside simulated values", async () => {
    const settings = { tier: "simd", threads: 1, sizes: [2, 32], rounds: 1, minMs: 0, onProgress: () => {} } as const;
    const report = await measureShape(testHost, "nano", SMALL, "q4", settings);
    expect(report.modes.map(({ mode, nodes }) => `${mode} ${nodes}`)).toEqual([
      "dense AR 1",
      "dense twin AR 1",
      "sparse, 1 token 1",
      "dense + speculation 2",
      "dense + speculation 32",
      "sparse + speculation 2",
      "sparse + speculation 32",
    ]);
    for (const row of report.modes) {
      expect(row.tokensPerSecond).toBeCloseTo((1000 * row.acceptLength) / (row.passMs + row.draftMs), 6);
      expect(row.passRangeMs[0] <= row.passMs && row.passMs <= row.passRangeMs[1]).toBe(true);
      expect(row.draftMs > 0).toBe(row.nodes > 1);
      expect(Object.keys(row.categories)).toEqual(["conversation", "translation", "summarization", "qa", "math_reasoning", "rag"]);
    }
    expect(report.modes[6]?.acceptLength).toBeCloseTo(2.66, 5);
    expect(report.modes[6]?.categories["translation"]?.acceptLength).toBeCloseTo(2.17, 5);
    expect(report.ffn.map(({ rows }) => rows)).toEqual([1, 2, 32]);
    for (const { pairs, union, rows, computeBoundMs, memoryBoundMs, denseMs, binds } of report.ffn) {
      expect(pairs).toBeGreaterThan(0.1);
      expect(union).toBeGreaterThanOrEqual(pairs - 1e-9);
      expect(union <= rows * pairs + 1e-9).toBe(true);
      expect(computeBoundMs).toBeCloseTo(pairs * denseMs, 9);
      expect(binds).toBe(computeBoundMs >= memoryBoundMs ? "compute" : "memory");
    }
    expect(report.simulation?.routing.measuredTls).toBeCloseTo(0.7483, 1);
  });

  it("refuses a shape whose sparsity is not known", async () => {
    await expect(
      measureShape(testHost, "135M", SHAPES["135M"] as ModelConfig, "q4", {
        tier: "simd",
        threads: 1,
        sizes: [2],
        rounds: 1,
        minMs: 0,
        onProgress: () => {},
      }),
    ).rejects.toThrow(UsageError);
  });
});

describe("bench modes, command line", () => {
  it("refuses what makes no sense", async () => {
    for (const args of [
      ["--shape", "Huge"],
      ["--shape", "Small", "--model", "x"],
      ["--sizes", "1"],
      ["--sizes", "65"],
      ["--rounds", "0"],
      ["--threads", "0"],
      ["--max-tokens", "1"],
      ["--quantize", "q2"],
    ]) {
      const { code, out } = await bench(["modes", ...args]);
      expect([args, code, out]).toEqual([args, 2, ""]);
    }
    const { code, err } = await bench(["modes", "--prompts", "/no/such.jsonl"]);
    expect(code).toBe(1);
    expect(err).toContain("/no/such.jsonl");
  });
});

describeShared("bench modes of a real model", "checkpoints/blockffn-nano-eagle", () => {
  it("prints one JSON object, draws a picture, and every mode gives the tokens of plain dense decoding", async () => {
    const prompts = join(tmpdir(), `blockffn-prompts-${process.pid}.jsonl`);
    const plot = join(tmpdir(), `blockffn-modes-${process.pid}.svg`);
    const { writeFileSync } = await import("node:fs");
    writeFileSync(
      prompts,
      [
        ["a", "Once upon a time"],
        ["b", 'The dog said, "'],
      ]
        .map(([category, text], i) => JSON.stringify({ question_id: i, category, turns: [text] }))
        .join("\n"),
    );
    try {
      const { code, out, err } = await bench(
        [
          "modes",
          "--draft",
          sharedPath("checkpoints/blockffn-nano-eagle"),
          "--prompts",
          prompts,
          "--max-tokens",
          "24",
          "--sizes",
          "2",
          "32",
          "--rounds",
          "1",
          "--quick",
          "--json",
          "--plot",
          plot,
        ],
        { defaultModel: join(root, "models/blockffn-nano.q8.safetensors") },
      );
      expect(err).toBe("");
      expect(code).toBe(0);
      const report = JSON.parse(out) as ModesReport;
      const [model] = report.models;
      expect(model?.simulation).toBeNull();
      expect(model?.modes).toHaveLength(2 + 2 * 2 * 2);
      for (const row of model?.modes ?? []) {
        expect(row.identical).toBe(true);
        expect(Object.keys(row.categories)).toEqual(["a", "b"]);
        expect(row.acceptLength >= 1).toBe(true);
      }
      expect(
        model?.modes.find(({ mode, drafter, nodes }) => mode === "sparse + speculation" && drafter === "eagle" && nodes === 32)
          ?.acceptLength,
      ).toBeGreaterThan(2);
      expect(readFileSync(plot, "utf8")).toContain("blockffn-nano.q8.safetensors, q8, simd, 1 thread");
    } finally {
      for (const path of [prompts, plot]) if (existsSync(path)) rmSync(path);
    }
  });
});
