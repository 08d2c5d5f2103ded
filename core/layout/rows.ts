// What a call computes: rows. Those of one sequence follow each other, in the order of their places in its cache.

/** Query heads over the same keys and values that attention computes together. */
export const HEADS_TOGETHER = 2;

export const ROW_TOKEN = 0;
/** Address of the descriptor of the row's sequence. */
export const ROW_SEQUENCE = 4;
/** What RoPE turns by. */
export const ROW_POSITION = 8;
/** Where the row's keys and values go in the cache of its sequence. */
export const ROW_PLACE = 12;
/** The cache row at which the row's own tree begins: all before it are seen ... */
export const ROW_TREE = 16;
/**
 * ... and, u64, cache row ROW_TREE + j when bit j is set. A row is the last that it sees. A row of a chain, however long, is a tree of its
 * own: ROW_TREE = ROW_PLACE, bit 0.
 */
export const ROW_MASK = 24;
export const ROW_BYTES = 32;
/** Nodes of a tree: bits of a mask. */
export const TREE_NODES = 64;

// ---- Sequences

/** Keys f32 [layers, kvHeads, capacity, keyDim]. */
export const SEQ_KEYS = 0;
/** Values f32 [layers, kvHeads, capacity, valueDim]; unused for MLA. */
export const SEQ_VALUES = 4;
export const SEQ_CAPACITY = 8;
/** f32 [threads, HEADS_TOGETHER, capacity]: attention scores of the queries that each thread is at. */
export const SEQ_SCORES = 12;
export const SEQ_BYTES = 16;
