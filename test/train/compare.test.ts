import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseCompareConfig } from "../../train/compare/config.ts";
import { hfModel } from "../../train/config/hf.ts";
import { parseTrainConfig } from "../../train/config/parse.ts";
import type { TrainConfig } from "../../train/config/schema.ts";
import { ParameterTable } from "../../train/model/parameters.ts";
import { comparisonMarkdown, comparisonSvg, type ComparedResult } from "../../train/compare/report.ts";
import { root } from "../helpers/test-host.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";
import { metricsOf, TINY_TRAINING, writeTraining } from "../helpers/train-run.ts";

const { objectives, ...SHARED } = TINY_TRAINING;
const RUNS = [
  { name: "Dense", model: { router: "dense" } },
  { name: "TopK", model: { router: "topk" }, objectives: { balance: { weight: 0.01 } } },
  { name: "BlockFFN", objectives },
];
const comparison = (changes: object = {}): string => JSON.stringify({ ...SHARED, out: "compared", runs: RUNS, ...changes });

describe("comparison configurations", () => {
  it("gives every run the same data, steps and seed", () => {
    const { runs } = parseCompareConfig(comparison(), "c.json");
    expect(runs.map(({ name, folder, config }) => [name, folder, config.model.router, config.seed, config.schedule.steps])).toEqual([
      ["Dense", "dense", "dense", 1, 12],
      ["TopK", "topk", "topk", 1, 12],
      ["BlockFFN", "blockffn", "blockffn", 1, 12],
    ]);
  });

  it.each([
    [{ runs: [] }, "at least one run"],
    [{ runs: [{ name: "../x" }] }, "it names a folder"],
    [{ runs: [{ name: "a" }, { name: "A" }] }, "is there twice"],
    [{ runs: [{ name: "a", seed: 3 }] }, "is not a setting of a run"],
    [{ runs: [{ name: "a", model: { router: "topp" } }] }, "model.router: must be one of dense"],
    [{ objectives: {} }, "belong into each of the runs"],
  ])("%j does not fit", (changes, message) => {
    expect(() => parseCompareConfig(comparison(changes), "c.json")).toThrow(message);
  });
});

it("the examples fit together, with models of equal size", () => {
  const read = (name: string): string => readFileSync(join(root, "examples/train", name), "utf8");
  const sizeOf = (config: TrainConfig): number => ParameterTable.of(hfModel(config, { size: 4096, bos: 1, eos: 2 }, "x").config).length;
  expect(sizeOf(parseTrainConfig(read("tiny.json"), "tiny.json"))).toBe(1_533_248);
  for (const name of ["compare.json", "ablation.json", "pair.json"]) {
    const sizes = parseCompareConfig(read(name), name).runs.map(({ config }) => sizeOf(config));
    expect(sizes.length).toBe(name === "pair.json" ? 2 : 8);
    expect(Math.max(...sizes) / Math.min(...sizes)).toBeLessThan(1.01);
  }
});

it("draws and tabulates results", () => {
  const row = (name: string, perplexity: number, cls: number | null): ComparedResult => ({
    name,
    decodeTokensPerSecond: 1234.4,
    result: {
      step: 1,
      finished: true,
      parameters: 10,
      loss: 1,
      validation: { tokens: 5, nll: 1, perplexity, tls: cls, cls: cls === null ? null : { 8: cls }, reuseRatio: cls },
    },
  });
  const rows = [row("Dense", 8.5, null), row("A<B", 9, 0.7123)];
  expect(comparisonMarkdown(rows, "about")).toContain("| A<B | 10 | 9.000 | 71.23 | 71.23 | 71.23 | 1234 |");
  expect(comparisonMarkdown(rows, "about")).toContain("| Dense | 10 | 8.500 | - | - | - | 1234 |");
  const svg = comparisonSvg(rows);
  expect(svg.match(/<circle/g)?.length).toBe(2);
  expect(svg).toContain("A&lt;B");
});

const main = join(root, "dist/lib/cli.js");
describe.skipIf(!existsSync(main))("blockffn train compare, as a process", () => {
  it("trains the runs and writes table, plot and numbers", () => {
    const folder = temporaryFolder();
    writeTraining(folder);
    writeFileSync(join(folder, "compare.json"), comparison());
    const run = () =>
      spawnSync(process.execPath, [main, "train", "compare", "--config", join(folder, "compare.json"), "--json"], { encoding: "utf8" });
    const { status, stdout, stderr } = run();
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const rows = JSON.parse(stdout) as ComparedResult[];
    expect(rows.map(({ name }) => name)).toEqual(["Dense", "TopK", "BlockFFN"]);
    for (const { name, decodeTokensPerSecond, result } of rows) {
      expect(decodeTokensPerSecond).toBeGreaterThan(0);
      const last = metricsOf(join(folder, "compared", name.toLowerCase())).at(-1) as { validation: { perplexity: number } };
      expect(result.validation!.perplexity).toBe(last.validation.perplexity);
    }
    expect(rows[1]!.result.validation!.tls).toBeCloseTo(0.75, 6);
    expect(readFileSync(join(folder, "compared/compare.md"), "utf8")).toContain("| BlockFFN |");
    // What is trained is not trained again.
    const again = JSON.parse(run().stdout) as ComparedResult[];
    expect(again.map(({ result }) => result)).toEqual(rows.map(({ result }) => result));
  });
});
