import { expect, it } from "vitest";
import { curvesSvg } from "../../train/run/curves.ts";
import type { MetricsLine } from "../../train/run/metrics.ts";

const noise = (step: number): number => ((step * 7919) % 101) / 1000;

/** Lines of a run in closed form, which distil/tests/test_curves.py computes, too. */
function lines(steps: number, scale: number): MetricsLine[] {
  const out: object[] = [];
  for (let step = 1; step <= steps; step++) {
    const chunk = step / (steps + 1);
    out.push({
      step, loss: scale * (5 / (1 + step / 50) + noise(step)),
      objectives: { chunk, locality: noise(step) * 3 }, factors: { chunk: 0.05, locality: 0.002 },
      tls: step === 2 ? null : 0.5 + chunk / 4, cls8: 0.4 + noise(step),
    });
    if (step % 4 === 0) out.push({ step, validation: { nll: scale * 4.5, tls: 0.7, cls: { 8: step === 4 ? null : 0.625 } } });
  }
  return out as MetricsLine[];
}

// distil/ draws its runs in Python: these files are what both must give, byte for byte.
const CASES = [["short", 5, 1], ["long", 1234, 1], ["tiny-values", 9, 1e-9], ["one-point", 1, 1], ["large-values", 3, 1e21]] as const;
it.each(CASES)("draws %s as distil/ does", async (name, steps, scale) => {
  await expect(curvesSvg(lines(steps, scale))).toMatchFileSnapshot(`curves/${name}.svg`);
});
