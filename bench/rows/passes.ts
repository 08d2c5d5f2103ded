import { TEAM_READ_AHEAD } from "../../core/layout/team.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import type { Sequence } from "../../src/engine/types.ts";
import { median } from "../measure.ts";
import { rowsText } from "./text.ts";

/** Tokens that every count of rows covers, behind the context: so all counts have the same routing and the same mean context. */
export const COVERED = 16;

/** A warm pass of `rows` rows, logits on each, in one build of the engine. */
export interface RowsPass {
  readonly build: string;
  readonly context: number;
  readonly rows: number;
  /** Milliseconds of a pass: the least of all rounds, and their median. */
  readonly min: number;
  readonly median: number;
}

/** Prefill of `tokens` tokens without logits. */
export interface RowsPrefill {
  readonly build: string;
  readonly tokens: number;
  readonly min: number;
  readonly median: number;
}

/** A loaded model, by the build of the engine that it runs on. */
export interface Build {
  readonly name: string;
  readonly model: ModelInstance;
}

/** What loading measured of reading ahead may differ from build to build on a busy machine: the first one's choice is taken for all. */
export function sameReadAhead(builds: readonly Build[]): void {
  const engine = builds[0]!.model.engine;
  const chosen = engine.u32(engine.exports.team() + TEAM_READ_AHEAD, 1)[0]!;
  for (const { model } of builds) model.engine.exports.setReadAhead(chosen);
}

/**
 * Times warm passes of each count of rows (divisors of COVERED) behind `context` tokens. In a round every build covers the same tokens with
 * every count, one after the other; the first round warms up.
 */
export function benchPasses(builds: readonly Build[], context: number, counts: readonly number[], rounds: number): RowsPass[] {
  const text = rowsText(builds[0]!.model, context + COVERED);
  const series = builds.flatMap(({ name, model }) => {
    const sequence = model.newSequence({ capacity: text.length });
    sequence.forward(text.slice(0, context), { logits: "none" });
    return counts.map((rows) => ({ build: name, context, rows, sequence, times: [] as number[] }));
  });
  // Counts outside, builds inside: what is compared runs next to each other.
  const order = counts.flatMap((rows) => series.filter((each) => each.rows === rows));
  for (let round = -1; round < rounds; round++) {
    for (const { sequence, rows, times } of order) {
      const ms = cover(sequence, text, context, rows);
      if (round >= 0) times.push(ms);
    }
  }
  for (const { sequence } of series.filter((_, i) => i % counts.length === 0)) sequence.dispose();
  return order.map(({ build, rows, times }) => ({ build, context, rows, min: Math.min(...times), median: median(times) }));
}

/** @returns milliseconds of a pass, the shortest of those that cover the tokens being as good as any: their mean */
function cover(sequence: Sequence, text: readonly number[], context: number, rows: number): number {
  const chunks = Array.from({ length: COVERED / rows }, (_, i) => text.slice(context + i * rows, context + (i + 1) * rows));
  const start = performance.now();
  for (const chunk of chunks) sequence.forward(chunk, { logits: "all" });
  const ms = (performance.now() - start) / chunks.length;
  sequence.truncate(context);
  return ms;
}

/** Times prefill of `tokens` tokens from an empty cache, the builds in turn; the first round warms up. */
export function benchPrefill(builds: readonly Build[], tokens: number, rounds: number): RowsPrefill[] {
  const text = rowsText(builds[0]!.model, tokens);
  const series = builds.map(({ name, model }) => ({
    name,
    model,
    sequence: model.newSequence({ capacity: tokens }),
    times: [] as number[],
  }));
  for (let round = -1; round < rounds; round++) {
    for (const { model, sequence, times } of series) {
      const chunk = Math.min(model.maxChunk, 64);
      const start = performance.now();
      for (let at = 0; at < tokens; at += chunk) sequence.forward(text.slice(at, at + chunk), { logits: "none" });
      const ms = performance.now() - start;
      sequence.truncate(0);
      if (round >= 0) times.push(ms);
    }
  }
  return series.map(({ name, sequence, times }) => {
    sequence.dispose();
    return { build: name, tokens, min: Math.min(...times), median: median(times) };
  });
}
