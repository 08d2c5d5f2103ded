import type { Part } from "../../core/plan.ts";
import { Bed } from "../bed.ts";
import { median } from "../measure.ts";
import { replayLayer, sampleText } from "../ffn.ts";
import { COVERED, type Build } from "./passes.ts";
import { MATMUL, type WeightType } from "./products.ts";
import { rowsText } from "./text.ts";

/** What a part of a pass costs by itself, its weights coming from where a pass finds them. */
export interface RowsPart {
  readonly build: string;
  readonly part: string;
  readonly rows: number;
  /** Milliseconds a pass: the sum of each step's least time, and the median of all rounds. */
  readonly min: number;
  readonly median: number;
}

/** Room for the rows and results of products. */
const ROOM = 2 ** 25;

/** A part: steps that are timed one by one, since a busy machine leaves a whole pass hardly ever alone; they do so many passes. */
interface Work {
  readonly part: string;
  readonly passes: number;
  readonly steps: readonly (() => void)[];
}

/**
 * Times the products of a pass with each count of rows in the model's own memory, in the order of a pass: the layers' dense matrices on
 * random rows, routers and experts on those of a text (with what belongs to them: scores, activations), the head.
 */
export function benchParts(builds: readonly Build[], counts: readonly number[], rounds: number): RowsPart[] {
  const series = counts.flatMap((rows) => {
    const works = builds.map((build) => ({ build: build.name, works: worksOf(build, rows) }));
    return works.flatMap(({ build, works }) => works.map((work) => ({ build, rows, work, least: [] as number[], sums: [] as number[] })));
  });
  for (let round = -1; round < rounds; round++) {
    for (const { work, least, sums } of series) {
      let sum = 0;
      work.steps.forEach((step, i) => {
        const start = performance.now();
        step();
        const ms = performance.now() - start;
        sum += ms;
        if (round >= 0) least[i] = Math.min(least[i] ?? Infinity, ms);
      });
      if (round >= 0) sums.push(sum / work.passes);
    }
  }
  return series.map(({ build, rows, work, least, sums }) => ({
    build,
    part: work.part,
    rows,
    min: least.reduce((sum, ms) => sum + ms, 0) / work.passes,
    median: median(sums),
  }));
}

function worksOf({ model }: Build, rows: number): Work[] {
  const bed = new Bed(model.engine, model.arena.allocate(ROOM, "bench"));
  const dense = model.plan.parts.filter((part) => !part.vector && !part.experts);
  const multiply = (part: string, parts: readonly Part[]): Work => ({
    part,
    passes: 1,
    steps: parts.flatMap(({ type, count, stride, offset, tensors }) => {
      const { rows: out, cols } = tensors[0]!;
      const run = model.engine.exports[MATMUL[type as WeightType]];
      return Array.from({ length: count }, (_, i) => {
        const product = bed.rowsProduct(model.addresses.weights + offset + i * stride, type, out, cols, rows);
        return () => run(product);
      });
    }),
  });
  const works = [
    multiply(
      "dense matrices",
      dense.filter(({ layer, name }) => layer >= 0 && !name.includes("router")),
    ),
  ];
  if (model.config.ffn.kind === "experts") {
    const samples = sampleText(model, rowsText(model, 2 * COVERED), rows).slice(-COVERED / rows);
    const steps = samples.flatMap((sample) => sample.inputs.map((_, layer) => () => replayLayer(model, sample, layer)));
    works.push({ part: "routers and experts", passes: samples.length, steps });
  }
  return [...works, multiply("head", dense.filter(({ layer }) => layer < 0).slice(-1))];
}
