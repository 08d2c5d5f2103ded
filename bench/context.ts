import { UsageError } from "../src/errors.ts";
import type { ModelInstance } from "../src/engine/instance.ts";
import { cacheRowBytes } from "../src/engine/cache.ts";
import type { Sequence } from "../src/engine/types.ts";
import type { Tier } from "../src/host.ts";
import { promptChunk } from "../src/decode/plain/prompt.ts";
import { interleave, table } from "./measure.ts";

/** A warm pass of so many rows behind so many tokens. */
export interface ContextResult {
  readonly tier: Tier;
  readonly rows: number;
  readonly context: number;
  /** Milliseconds of the pass: the fastest of the rounds, and the median. */
  readonly min: number;
  readonly median: number;
  /** Fastest pass over the fastest one behind the first context asked for. */
  readonly overFirst: number;
  /** Part of the pass that the cache costs: what it takes longer than the same rows behind one token, 0..1. */
  readonly cacheShare: number;
  /** Megabytes of keys and values that the rows see. */
  readonly cacheMegabytes: number;
}

export interface ContextRequest {
  readonly contexts: readonly number[];
  readonly rows: readonly number[];
  readonly rounds: number;
  /** Token of each position. */
  readonly token: (position: number) => number;
  readonly onProgress: (what: string) => void;
}

/** What attention over the cache is told apart by: the same rows with next to nothing before them. */
const BARE = 1;

/** Passes behind all contexts take turns, each over a cache of its own. @throws UsageError for contexts the model has no room for. */
export function benchContext(model: ModelInstance, request: ContextRequest): ContextResult[] {
  const { contexts, rows } = request;
  const most = model.config.contextLength - Math.max(...rows);
  const long = contexts.find((context) => context > most);
  if (long !== undefined)
    throw new UsageError(`a context of ${long} tokens is too long: at most ${most}`, { field: "context", limit: most });
  const lengths = [BARE, ...contexts];
  const sequences = lengths.map((length) => {
    request.onProgress(`${model.tier}: a cache of ${length} tokens`);
    return filled(model, length, length + Math.max(...rows), request.token);
  });
  const results = rows.flatMap((count) => {
    request.onProgress(`${model.tier}: ${count} rows`);
    const cases = sequences.map((sequence, i) => ({ name: String(lengths[i]), run: pass(sequence, count, request.token) }));
    return resultsOf(model, count, contexts, interleave(cases, { rounds: request.rounds, minMs: 20 }));
  });
  for (const sequence of sequences) sequence.dispose();
  return results;
}

function resultsOf(
  model: ModelInstance,
  rows: number,
  contexts: readonly number[],
  [bare, ...timings]: readonly { readonly min: number; readonly median: number }[],
): ContextResult[] {
  const { keys, values } = cacheRowBytes(model.config);
  return timings.map(({ min, median }, i) => ({
    tier: model.tier,
    rows,
    context: contexts[i] as number,
    min,
    median,
    overFirst: min / (timings[0]?.min ?? min),
    cacheShare: Math.max(0, 1 - (bare?.min ?? 0) / min),
    cacheMegabytes: ((contexts[i] as number) * model.config.layers * (keys + values)) / 1e6,
  }));
}

function filled(model: ModelInstance, length: number, capacity: number, token: (position: number) => number): Sequence {
  const sequence = model.newSequence({ capacity });
  while (sequence.length < length) {
    const count = Math.min(promptChunk(model), length - sequence.length);
    sequence.forward(
      Array.from({ length: count }, (_, i) => token(sequence.length + i)),
      { logits: "none" },
    );
  }
  return sequence;
}

/** A pass of the next rows, all with logits, that leaves the cache as it was. */
function pass(sequence: Sequence, rows: number, token: (position: number) => number): () => void {
  const length = sequence.length;
  // Every context computes the same rows, so that the same experts are active in them as far as the context lets them.
  const tokens = Array.from({ length: rows }, (_, i) => token(i));
  return () => {
    sequence.forward(tokens, { logits: "all" });
    sequence.truncate(length);
  };
}

export function formatContext(results: readonly ContextResult[]): string {
  return table(
    ["tier", "rows", "context", "min ms", "median ms", "x first", "% cache", "cache MB"],
    results.map((r) => [r.tier, r.rows, r.context, r.min, r.median, r.overFirst, r.cacheShare * 100, r.cacheMegabytes]),
  );
}
