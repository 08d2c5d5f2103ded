import { table } from "../measure.ts";
import type { RowsReport } from "./main.ts";

/** The tables of a report. */
export function formatRows({ machine, model, quantization, tier, passes, prefill, parts, products }: RowsReport): string {
  const one = (build: string, context: number): number =>
    passes.find((pass) => pass.build === build && pass.context === context && pass.rows === 1)?.min ?? NaN;
  const out = [
    `${machine.cpu}, Node ${machine.node}; ${model} ${quantization}, ${tier}, one thread\n`,
    table(
      ["context", "rows", "build", "ms min", "ms median", "over one row", "rows/s"],
      passes.map((p) => [p.context, p.rows, p.build, p.min, p.median, p.min / one(p.build, p.context), (1000 * p.rows) / p.min]),
    ),
  ];
  if (prefill.length > 0)
    out.push(
      table(
        ["prefill", "build", "ms min", "ms median", "tokens/s"],
        prefill.map((p) => [p.tokens, p.build, p.min, p.median, (1000 * p.tokens) / p.min]),
      ),
    );
  if (parts.length > 0)
    out.push(
      table(
        ["part of a pass", "rows", "build", "ms min", "ms median"],
        parts.map((p) => [p.part, p.rows, p.build, p.min, p.median]),
      ),
    );
  if (products.length > 0)
    out.push(
      table(
        ["product", "size", "rows", "build", "GMAC/s best", "GMAC/s median", "bare tile", "best / tile"],
        products.map((p) => [
          p.name,
          p.size,
          p.rows,
          p.build,
          p.best,
          p.median,
          p.tile ?? "-",
          p.tile === undefined ? "-" : p.best / p.tile,
        ]),
      ),
    );
  return out.join("\n");
}
