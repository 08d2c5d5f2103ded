import { table } from "../measure.ts";
import type { ModelReport, ModeRow, ModesReport } from "./types.ts";

/** The report as text: for each model the modes, the best of them by category, and the FFN beside its bound. */
export function formatModes(report: ModesReport): string {
  const { cpu, cores, node } = report.machine;
  return [
    `blockffn ${report.version}, ${cpu}, ${cores} cores, Node ${node}; medians of alternating runs\n`,
    ...report.models.map(formatModel),
  ].join("\n");
}

/** The rows that a summary shows: AR modes, and the best tree of each other mode. */
export function bestRows(model: ModelReport): ModeRow[] {
  return model.modes.filter((row) => row.best);
}

function formatModel(model: ModelReport): string {
  const out = [
    `== ${model.name}, ${model.quantization}, ${model.tier}, ${model.threads} thread${model.threads > 1 ? "s" : ""}, ` +
      `${(model.weightBytes / 1e6).toFixed(0)} MB of weights\n${source(model)}\n`,
  ];
  out.push(
    table(
      ["mode", "nodes", "drafter", "best", "tok/s", "x dense AR", "accept", "pass ms", "(range)", "draft ms", "same tokens"],
      model.modes.map((row) => [
        row.mode,
        String(row.nodes),
        row.drafter ?? "-",
        row.best && model.modes.some((other) => other !== row && other.mode === row.mode) ? "*" : "",
        row.tokensPerSecond,
        row.speedup,
        row.acceptLength,
        row.passMs,
        row.passRangeMs.map((ms) => (ms >= 100 ? ms.toFixed(0) : ms.toPrecision(3))).join(".."),
        row.draftMs,
        row.identical === null ? "-" : row.identical ? "yes" : "NO",
      ]),
    ),
  );
  const rows = bestRows(model);
  const categories = Object.keys(rows[0]?.categories ?? {});
  out.push(
    table(
      ["tok/s by category", ...categories, "all"],
      rows.map((row) => [
        label(row),
        ...categories.map((category) => row.categories[category]?.tokensPerSecond ?? NaN),
        row.tokensPerSecond,
      ]),
    ),
  );
  out.push(
    table(
      ["accept length", ...categories, "all"],
      rows
        .filter((row) => row.nodes > 1)
        .map((row) => [label(row), ...categories.map((category) => row.categories[category]?.acceptLength ?? NaN), row.acceptLength]),
    ),
  );
  if (model.ffn.length > 0) {
    out.push(
      table(
        ["FFN alone, rows", "dense ms", "sparse ms", "pairs", "union", "compute bound ms", "memory bound ms", "binds", "sparse / bound"],
        model.ffn.map((f) => [
          String(f.rows),
          f.denseMs,
          f.sparseMs,
          f.pairs,
          f.union,
          f.computeBoundMs,
          f.memoryBoundMs,
          f.binds,
          f.overBound,
        ]),
      ),
    );
  }
  return out.join("\n");
}

/** What is real and what is not. */
function source({ simulation, prompts, promptTokens, tls }: ModelReport): string {
  const share = (x: number): string => `${(100 * x).toFixed(2)} %`;
  if (simulation === null) {
    return (
      `Real weights, routing, drafts and ` +
      `verification: ${prompts} prompts of ${promptTokens.toFixed(0)} tokens in the mean${tls === null ? "" : `; TLS ${share(tls)}`}.`
    );
  }
  const { routing, firstGuess, draftVocab } = simulation;
  return [
    `SIMULATED: synthetic weights; experts follow a trace ` +
      `(TLS ${share(routing.measuredTls)}, reuse ${share(routing.measuredReuse)}; fitted to ` +
      `TLS ${share(routing.tls)}, reuse ${share(routing.reuse)},`,
    `CLS over ${routing.chunk.length} tokens ${share(routing.chunk.sparsity)}) and the engine really skips the others; accept ` +
      `lengths are the paper's at 32 nodes, and of a model`,
    `(first guess right in ${share(firstGuess)}) for smaller trees. Real: every pass, and drafting by an EAGLE head with ` +
      `synthetic weights and ${draftVocab} draft tokens.`,
  ].join("\n");
}

/** Name of a mode with the size of its trees. */
export function label({ mode, nodes, drafter }: ModeRow): string {
  return nodes === 1 ? mode : `${mode}, ${drafter ?? ""} ${nodes}`;
}
