import { MAX_NODES } from "./ngram";

/** What the rounds of a generation did and took, by the size of their trees: the counts of src/decode/speculative/stats.ts. */
export class Decisions {
  /** Rounds whose tree might have so many nodes; [1]: plain steps. */
  asked: StaticArray<i32> = new StaticArray<i32>(MAX_NODES + 1);
  /** Rounds, milliseconds without drafting, and experts over all layers, by rows of the chunk. */
  chunks: StaticArray<i32> = new StaticArray<i32>(MAX_NODES + 1);
  chunkMs: StaticArray<f64> = new StaticArray<f64>(MAX_NODES + 1);
  experts: StaticArray<u64> = new StaticArray<u64>(MAX_NODES + 1);
  draftMs: f64 = 0;
  /** Drafted tokens whose parent was accepted: those that were too, and rounds that ended before the tree did. */
  accepted: i32 = 0;
  refused: i32 = 0;

  /** Adds a round. @param depth of the tree in edges @param tokens that came out */
  add(asked: i32, rows: i32, depth: i32, tokens: i32, draftMs: f64, chunkMs: f64, experts: u64): void {
    this.asked[asked]++;
    this.chunks[rows]++;
    this.chunkMs[rows] += chunkMs;
    this.experts[rows] += experts;
    if (asked === 1) return;
    this.draftMs += draftMs;
    this.accepted += tokens - 1;
    if (tokens <= depth) this.refused++;
  }

  /** Rounds that a drafter was asked in. */
  get draftRounds(): i32 {
    let sum = 0;
    for (let nodes = 2; nodes <= MAX_NODES; nodes++) sum += this.asked[nodes];
    return sum;
  }
}
