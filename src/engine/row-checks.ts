import { TREE_NODES } from "../../core/layout/rows.ts";
import { LimitError, UsageError } from "../errors.ts";
import type { ForwardOptions, RowTree } from "./types.ts";

/** RoPE turns by f32, which holds whole numbers to here. */
const MAX_POSITION = 2 ** 24;

/** What the rows of one sequence must fit. */
export interface RowLimits {
  readonly vocabSize: number;
  /** Rows that the sequence holds, and most that it can hold. */
  readonly held: number;
  readonly capacity: number;
}

/**
 * Checks the rows of one sequence. @param prefix of the fields that errors name
 * @returns how many of them ask for logits
 * @throws LimitError when they do not fit; UsageError for what makes no rows.
 */
export function checkRows(
  tokens: ArrayLike<number>,
  { logits = "last", tree }: ForwardOptions,
  { vocabSize, held, capacity }: RowLimits,
  prefix: string,
): number {
  const n = tokens.length;
  if (n < 1) throw new UsageError("a chunk needs at least one token", { field: `${prefix}tokens` });
  if (held + n > capacity) {
    throw new LimitError(`${held} tokens held and ${n} more do not fit into ${capacity}; ask for a larger capacity`, {
      field: `${prefix}capacity`,
      limit: capacity,
    });
  }
  checkTokens(tokens, vocabSize, prefix);
  if (tree !== undefined) checkTree(tree, n, prefix);
  if (logits === "none") return 0;
  if (logits === "last") return 1;
  if (logits === "all") return n;
  for (let i = 0; i < logits.length; i++) {
    const row = logits[i] as number;
    if (!Number.isInteger(row) || row >= n || row <= (i === 0 ? -1 : (logits[i - 1] as number))) {
      throw new UsageError(`rows with logits must be ascending rows of the chunk, which has ${n}`, {
        field: `${prefix}logits[${i}]`,
        limit: n - 1,
      });
    }
  }
  return logits.length;
}

/** @throws UsageError naming the first id that is not in the vocabulary. */
export function checkTokens(tokens: ArrayLike<number>, vocabSize: number, prefix = ""): void {
  for (let i = 0; i < tokens.length; i++) {
    const id = tokens[i] as number;
    if (!Number.isInteger(id) || id < 0 || id >= vocabSize) {
      throw new UsageError(`token id ${id} is not in 0..${vocabSize - 1}, the vocabulary`, {
        field: `${prefix}tokens[${i}]`,
        limit: vocabSize - 1,
      });
    }
  }
}

/** @throws UsageError for a position that RoPE cannot turn by. */
export function checkPosition(position: number, field: string): void {
  if (!Number.isInteger(position) || position < 0 || position > MAX_POSITION)
    throw new UsageError("a position must be a whole number below 2^24", { field });
}

/** @param own the row's place in its tree @throws UsageError where a mask does not end with the row itself. */
export function checkMask(mask: bigint, own: number, field: string): void {
  if (own < 0 || own >= TREE_NODES || mask >> BigInt(own) !== 1n) {
    throw new UsageError(`a row must see itself and no later row, and be one of the first ${TREE_NODES} of its tree`, { field });
  }
}

function checkTree({ positions, masks, first }: RowTree, n: number, prefix: string): void {
  if (positions.length !== n || masks.length !== n || (first !== undefined && first.length !== n)) {
    throw new UsageError(`a tree of ${n} tokens needs ${n} positions and masks`, { field: `${prefix}tree` });
  }
  for (let i = 0; i < n; i++) {
    const start = first?.[i] ?? 0;
    if (!Number.isInteger(start) || start < 0 || start > i)
      throw new UsageError("a tree must begin at a row of the chunk that is not after the row", { field: `${prefix}tree.first[${i}]` });
    checkMask(masks[i] as bigint, i - start, `${prefix}tree.masks[${i}]`);
    checkPosition(positions[i] as number, `${prefix}tree.positions[${i}]`);
  }
}
