import type { SpeculationDecisions } from "../src/decode/generation.ts";
import { table } from "./format.ts";

/** What speculation decided and measured, as tables. */
export function describeDecisions({ rounds, chunkMs, draftMs, acceptance, expertsPerChunk, lossShare }: SpeculationDecisions): string {
  const drafters = Object.entries(rounds).map(([name, bySize]) => {
    const sizes = Object.entries(bySize)
      .map(([nodes, count]) => `${nodes}: ${count}`)
      .join(", ");
    const draft = draftMs[name];
    const accepted = acceptance[name];
    return [name, draft === undefined ? "-" : draft.toFixed(3), accepted === undefined ? "-" : `${(100 * accepted).toFixed(1)} %`, sizes];
  });
  const chunks = Object.keys({ ...chunkMs, ...expertsPerChunk }).map((rows) => [
    rows,
    chunkMs[Number(rows)]?.toFixed(3) ?? "-",
    expertsPerChunk?.[Number(rows)]?.toFixed(1) ?? "-",
  ]);
  const account =
    lossShare === undefined
      ? ""
      : `${lossShare > 0 ? "lost" : "won"} against plain decoding, by the guard's ` +
        `account: ${Math.abs(100 * lossShare).toFixed(2)} % of the time\n`;
  return `${table([
    ["drafter", "ms a draft", "accepted", "rounds by " + "nodes"],
    ...drafters,
  ])}${table([["rows of a chunk", "ms", "experts"], ...chunks])}${account}`;
}
