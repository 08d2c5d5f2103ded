import { describe, expect, it } from "vitest";
import { modesSvg } from "../../bench/modes/plot.ts";
import { bestRows, formatModes } from "../../bench/modes/report.ts";
import { markBest, type ModelReport, type ModeRow, type ModesReport } from "../../bench/modes/types.ts";
import type { FfnTimes } from "../../bench/ffn.ts";
import { UsageError } from "../../src/errors.ts";

function row(mode: ModeRow["mode"], nodes: number, tokensPerSecond: number): Omit<ModeRow, "best"> {
  const speed = { tokensPerSecond, acceptLength: nodes === 1 ? 1 : 1.5, speedup: tokensPerSecond / 10 };
  return {
    mode,
    ffn: mode.startsWith("sparse") ? "sparse" : "dense",
    nodes,
    drafter: nodes > 1 ? "eagle" : null,
    passMs: 5,
    passRangeMs: [4, 7],
    draftMs: 1,
    identical: true,
    ...speed,
    categories: { "a <story>": speed, list: speed },
  };
}

const ffn: FfnTimes[] = [1, 2, 4, 8, 16, 32].map((rows) => ({
  rows,
  denseMs: 10 * rows,
  sparseMs: 2 * rows,
  pairs: 0.19,
  union: 0.25,
  computeBoundMs: 1.9 * rows,
  memoryBoundMs: 2.5,
  binds: rows > 1 ? "compute" : "memory",
  overBound: 1.05,
}));

const modes = markBest([
  row("dense AR", 1, 10),
  row("sparse, 1 token", 1, 30),
  row("dense + speculation", 2, 9),
  row("dense + speculation", 8, 12),
  row("sparse + speculation", 2, 41),
  row("sparse + speculation", 8, 40),
]);
const model: ModelReport = {
  name: "a & b",
  quantization: "q4",
  tier: "simd",
  threads: 1,
  weightBytes: 5e6,
  simulation: null,
  promptTokens: 12,
  prompts: 3,
  tls: 0.8,
  modes,
  ffn,
};
const simulated: ModelReport = {
  ...model,
  name: "Large",
  prompts: 0,
  simulation: {
    routing: { tls: 0.84, reuse: 0.87, chunk: { length: 8, sparsity: 0.73 }, measuredTls: 0.841, measuredReuse: 0.869, memory: 0.6 },
    acceptLengths: { 1: 1, 2: 1.4 },
    firstGuess: 0.4,
    draftVocab: 16384,
  },
};
const report: ModesReport = { machine: { cpu: "CPU", cores: 2, node: "v20" }, version: "1.2.3", models: [model, simulated] };

describe("modes report", () => {
  it("marks the fastest tree of each mode", () => {
    expect(bestRows(model).map(({ mode, nodes }) => [mode, nodes])).toEqual([
      ["dense AR", 1],
      ["sparse, 1 token", 1],
      ["dense + speculation", 8],
      ["sparse + speculation", 2],
    ]);
  });

  it("prints every mode, the categories, the bounds, and says what is simulated", () => {
    const text = formatModes(report);
    const [first, second] = text.split("== Large") as [string, string];
    for (const part of [
      "== a & b, q4, simd, 1 thread",
      "Real weights",
      "TLS 80.00 %",
      "sparse + speculation, eagle 2",
      "a <story>",
      "4.00..7.00",
      "binds",
      "1.05",
    ])
      expect(first).toContain(part);
    expect(first).not.toContain("SIMULATED");
    expect(second).toContain("SIMULATED: synthetic weights");
    expect(second).toContain("16384 draft tokens");
    expect(first.split("\n").find((line) => line.startsWith("sparse + speculation  2"))).toMatch(/\*\s+41\s+4\.10\s+1\.50/);
  });

  it("shows a mode whose tokens differ", () => {
    const broken = { ...model, modes: model.modes.map((each) => (each.nodes === 8 ? { ...each, identical: false } : each)) };
    expect(formatModes({ ...report, models: [broken] })).toMatch(/NO/);
    expect(formatModes({ ...report, models: [model] })).not.toMatch(/NO/);
  });

  it("survives JSON", () => {
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });
});

describe("modes picture", () => {
  const numbers = (svg: string, what: RegExp): number[] => [...svg.matchAll(what)].map((match) => Number(match[1]));

  it("draws a bar for each best mode, as long as it is fast", () => {
    const svg = modesSvg({ ...report, models: [model] });
    const bars = numbers(svg, /<rect class="(?:dense|sparse)" x="248" y="\d+" width="([\d.]+)"/g);
    expect(bars).toHaveLength(4);
    [10, 30, 12, 41].forEach((speed, i) => expect(bars[i]! / bars[3]!).toBeCloseTo(speed / 41, 2));
  });

  it("puts the mark of each bound where it belongs, beside the FFN's share", () => {
    const svg = modesSvg({ ...report, models: [model] });
    const marks = numbers(svg, /<line class="mark" x1="([\d.]+)"/g);
    const shares = numbers(svg, /<rect class="sparse" x="756" y="\d+" width="([\d.]+)"/g);
    // One token, and the four largest chunks.
    expect(marks).toHaveLength(5);
    expect(marks[0]).toBeCloseTo(756 + 0.25 * 210, 1);
    expect(marks[4]).toBeCloseTo(756 + 0.19 * 210, 1);
    shares.forEach((share) => expect(share).toBeCloseTo(0.2 * 210, 1));
  });

  it("is well-formed, labels what is simulated, and escapes names", () => {
    const svg = modesSvg(report);
    expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"')).toBe(true);
    expect(svg.trimEnd().endsWith("</svg>")).toBe(true);
    expect(svg).toContain("a &amp; b");
    expect(svg.replace(/&(amp|lt|gt|quot);/g, "")).not.toContain("&");
    expect(svg.match(/class="sim"/g)).toHaveLength(1);
    const open = svg.match(/<(text|svg|title|desc|style)\b/g)!.length;
    expect(svg.match(/<\/(text|svg|title|desc|style)>/g)).toHaveLength(open);
    const height = Number(/viewBox="0 0 1180 (\d+)"/.exec(svg)?.[1]);
    for (const y of numbers(svg, / y="([\d.]+)"/g)) expect(y).toBeLessThan(height);
  });

  it("refuses an empty report", () => {
    expect(() => modesSvg({ ...report, models: [] })).toThrow(UsageError);
  });
});
