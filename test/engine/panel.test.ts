import { expect, it } from "vitest";
import { WEIGHT_BF16 as BF16, WEIGHT_F32 as F32, WEIGHT_Q4 as Q4, WEIGHT_Q8 as Q8 } from "../../core/layout/matrix.ts";
import { matrixBytes } from "../../core/panel.ts";
import { KernelBench } from "../helpers/kernel-bench.ts";
import { TIERS } from "../helpers/test-host.ts";

it("host and engine agree on the bytes of a matrix", async () => {
  for (const tier of TIERS) {
    const { run } = await KernelBench.create(tier);
    for (const type of [F32, Q8, Q4, BF16]) {
      for (const rows of [1, 15, 16, 17, 64, 49152]) {
        for (const cols of [1, 31, 32, 33, 127, 128, 129, 576, 5760])
          expect(run.matrixBytes(type, rows, cols)).toBe(matrixBytes(type, rows, cols));
      }
    }
  }
});
