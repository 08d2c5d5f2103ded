import { PANEL_ROWS, WEIGHT_BF16, WEIGHT_F32, WEIGHT_Q4, WEIGHT_Q8 } from "../../core/layout/matrix.ts";
import { WEIGHT_NAMES } from "../../core/plan.ts";
import type { Host, Tier } from "../../src/host.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import { Bed } from "../bed.ts";
import { bareTile } from "./tile.ts";
import { interleave, type Case } from "../measure.ts";

/** The speed of one of a model's products from a cache, in one build of the engine. */
export interface RowsProduct {
  readonly build: string;
  readonly name: string;
  readonly size: string;
  readonly rows: number;
  /** 10^9 multiply-adds a second: of the fastest round, and of the median. */
  readonly best: number;
  readonly median: number;
  /** That of the bare tile, at best; undefined for f32 and bf16 weights, which have none. */
  readonly tile: number | undefined;
}

/** A matrix that a model multiplies with; `cols` columns in, `rows` out. */
interface Matrix {
  readonly name: string;
  readonly type: number;
  readonly rows: number;
  readonly cols: number;
  readonly accumulate: boolean;
}

/** The exports that multiply, by weight type. */
export const MATMUL = { [WEIGHT_F32]: "matmulF32", [WEIGHT_Q8]: "matmulQ8", [WEIGHT_Q4]: "matmulQ4", [WEIGHT_BF16]: "matmulBF16" } as const;
export type WeightType = keyof typeof MATMUL;
/** Rows of a larger matrix that are measured: they stay in a second-level cache. */
const MOST_ROWS = 576;

/** The model's matrices, each shape and type once, under the name of the first tensor that has it. */
function matricesOf(model: ModelInstance): Matrix[] {
  const found = new Map<string, Matrix>();
  for (const part of model.plan.parts) {
    if (part.vector) continue;
    part.tensors.forEach(({ source, rows, cols }, i) => {
      const most = Math.min(rows, MOST_ROWS);
      // What an expert gives is added to its tokens' rows.
      const accumulate = part.experts && i === part.tensors.length - 1;
      const key = `${part.type} ${most}x${cols} ${accumulate}`;
      const short = source.split(".").filter((word) => word !== "model" && word !== "weight");
      if (!found.has(key)) found.set(key, { name: short.join("."), type: part.type, rows: most, cols, accumulate });
    });
  }
  return [...found.values()].filter(({ rows }) => rows >= PANEL_ROWS);
}

/** Times the model's products with each count of rows, builds in turn. */
export async function benchProducts(
  hosts: readonly { readonly name: string; readonly host: Host }[],
  tier: Tier,
  model: ModelInstance,
  counts: readonly number[],
  rounds: number,
): Promise<RowsProduct[]> {
  const results: RowsProduct[] = [];
  const bare = bareTile(tier);
  for (const { name, type, rows, cols, accumulate } of matricesOf(model)) {
    const tile = bare?.speed(type, cols, rounds);
    for (const n of counts) {
      const cases: Case[] = [];
      for (const { name: build, host } of hosts) {
        const bed = new Bed(await Engine.create(await host.engine(tier)));
        const product = bed.rowsProduct(bed.weights(type, rows, cols), type, rows, cols, n, accumulate);
        const run = bed.run[MATMUL[type as WeightType]];
        cases.push({ name: build, run: () => run(product) });
      }
      const speed = (ms: number): number => (rows * cols * n) / ms / 1e6;
      for (const timing of interleave(cases, { rounds, minMs: 4 }))
        results.push({
          build: timing.name,
          name: `${name} ${WEIGHT_NAMES[type]!}`,
          size: `${rows}x${cols}`,
          rows: n,
          best: speed(timing.min),
          median: speed(timing.median),
          tile,
        });
    }
  }
  return results;
}
