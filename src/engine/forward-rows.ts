import * as L from "../../core/layout/scratch.ts";
import { LimitError, UsageError } from "../errors.ts";
import type { ModelMemory, RowCache } from "./model-memory.ts";
import { RowsResult } from "./result.ts";
import { checkRows } from "./row-checks.ts";
import { CHAIN_MASK, RowWriter } from "./row-writer.ts";
import type { ForwardResult, RowTable, SequenceRows } from "./types.ts";

/** A table that was checked: how many rows it has, and of each sequence its cache and how many rows ask for logits. */
interface Checked {
  readonly rows: number;
  readonly logitRows: number;
  readonly caches: readonly RowCache[];
  readonly logitsOf: readonly number[];
}

/**
 * One call of the engine on rows of any sequences of a model: `LoadedModel.forwardRows`. Nothing is written before all is checked.
 * @param prefix of the fields that errors name, for the i-th sequence
 */
export function forwardRows(model: ModelMemory, table: RowTable, prefix: (i: number) => string): ForwardResult[] {
  const checked = check(model, table, prefix);
  const { engine, addresses } = model;
  const { rows, logitRows, caches } = checked;
  // Whatever lay there before, also when this call fails.
  model.latest = undefined;
  const logits = model.logits.reserve(logitRows);
  const results = write(model, table, checked);
  engine.run(rows, () => engine.exports.forward(addresses.descriptor, rows, logitRows, logits));
  for (let i = 0; i < caches.length; i++) (caches[i] as RowCache).appended((table[i] as SequenceRows).tokens.length);
  model.latest = results;
  return results;
}

function check(model: ModelMemory, table: RowTable, prefix: (i: number) => string): Checked {
  model.assertAlive();
  const { config } = model;
  const { maxChunk } = model.scratch;
  const maxLogitRows = model.logits.maxRows;
  if (table.length < 1) throw new UsageError("a call needs rows of at least one sequence", { field: "rows" });
  const caches: RowCache[] = [];
  const logitsOf: number[] = [];
  let rows = 0;
  let logitRows = 0;
  for (let i = 0; i < table.length; i++) {
    const entry = table[i] as SequenceRows;
    const cache = model.cacheOf(entry.sequence);
    if (cache === undefined) throw new UsageError("the sequence is disposed or not one of this model", { field: `${prefix(i)}sequence` });
    if (caches.includes(cache))
      throw new UsageError("a sequence may have one entry only; put its rows together", { field: `${prefix(i)}sequence` });
    rows += entry.tokens.length;
    if (rows > maxChunk)
      throw new LimitError(`${rows} tokens in one chunk; at most ${maxChunk}`, { field: `${prefix(i)}tokens`, limit: maxChunk });
    const wanted = checkRows(entry.tokens, entry, { vocabSize: config.vocabSize, held: cache.length, capacity: cache.capacity }, prefix(i));
    logitRows += wanted;
    if (logitRows > maxLogitRows) {
      throw new LimitError(`${logitRows} rows of one chunk ask for logits; at most ${maxLogitRows} can have them`, {
        field: `${prefix(i)}logits`,
        limit: maxLogitRows,
      });
    }
    caches.push(cache);
    logitsOf.push(wanted);
  }
  return { rows, logitRows, caches, logitsOf };
}

function write(model: ModelMemory, table: RowTable, { rows, logitRows, caches, logitsOf }: Checked): RowsResult[] {
  const writer = new RowWriter(model.engine, model.scratchAt(L.SCRATCH_ROWS), rows, model.scratchAt(L.SCRATCH_LOGIT_ROWS), logitRows);
  const results: RowsResult[] = [];
  let first = 0;
  let firstLogits = 0;
  for (let i = 0; i < table.length; i++) {
    const { tokens, tree, logits = "last" } = table[i] as SequenceRows;
    const { address, length } = caches[i] as RowCache;
    const count = tokens.length;
    for (let row = 0; row < count; row++) {
      const place = length + row;
      const start = tree === undefined ? place : length + (tree.first?.[row] ?? 0);
      writer.add(tokens[row] as number, address, tree?.positions[row] ?? place, place, start, tree?.masks[row] ?? CHAIN_MASK);
    }
    const wanted = logitsOf[i] as number;
    const list = typeof logits === "string" ? undefined : logits;
    for (let k = 0; k < wanted; k++) writer.wantLogits(first + (list === undefined ? count - wanted + k : (list[k] as number)));
    results.push(new RowsResult(model, { first, count }, { first: firstLogits, count: wanted }, rows, results));
    first += count;
    firstLogits += wanted;
  }
  return results;
}
