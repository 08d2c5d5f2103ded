import { Bytes } from "../bytes";

const MAX_NGRAM: i32 = 4;
const BRANCHES: i32 = 2;
const MAX_TRIES: i32 = 8;
/** Nodes of a draft tree, root included. */
export const MAX_NODES: i32 = 8;

/**
 * Prompt and output look-up, as src/decode/drafters/ngram.ts does it, but by looking through the sequence: what followed the
 * longest suffix of it the last times that it occurred.
 */
export class NgramDrafter {
  /** The proposed tree: tokens and parents of its nodes, the root first. */
  tokens: StaticArray<i32> = new StaticArray<i32>(MAX_NODES);
  parents: StaticArray<i32> = new StaticArray<i32>(MAX_NODES);
  private places: StaticArray<i32> = new StaticArray<i32>(BRANCHES);
  private found: i32 = 0;

  /** A tree of at most `most` nodes below the last token of the sequence. @returns its nodes */
  propose(sequence: Bytes, most: i32): i32 {
    this.tokens[0] = sequence.int(sequence.ints - 1);
    this.parents[0] = -1;
    let nodes = 1;
    const limit = min(most, MAX_NODES);
    if (limit === 1) return 1;
    this.search(sequence);
    for (let i = 0; i < this.found; i++) {
      // The best continuation gets half of what is left, the last one all.
      const left = limit - nodes;
      nodes = this.chain(sequence, this.places[i], i === this.found - 1 ? left : (left + 1) >> 1, nodes);
    }
    return nodes;
  }

  /** Depth in edges of the tree that was proposed last. */
  depth(nodes: i32): i32 {
    let deepest = 0;
    let depth = 0;
    // Chains, one after the other.
    for (let i = 1; i < nodes; i++) {
      depth = this.parents[i] === 0 ? 1 : depth + 1;
      deepest = max(deepest, depth);
    }
    return deepest;
  }

  /** Places to go on from, each with another first token: longest suffix first, then the most recent. */
  private search(sequence: Bytes): void {
    this.found = 0;
    const end = sequence.ints;
    for (let n = min(MAX_NGRAM, end); n >= 1; n--) {
      let tries = 0;
      for (let place = end - 1; place >= n && tries < MAX_TRIES; place--) {
        if (!sameSuffix(sequence, place, end, n)) continue;
        tries++;
        const first = sequence.int(place);
        if (this.found === 1 && sequence.int(this.places[0]) === first) continue;
        this.places[this.found++] = place;
        if (this.found === BRANCHES) return;
      }
    }
  }

  /** A chain below the root of what followed `start`; past the end of the sequence it repeats itself. */
  private chain(sequence: Bytes, start: i32, count: i32, nodes: i32): i32 {
    const begin = nodes;
    for (let i = 0; i < count; i++, nodes++) {
      const at = start + i;
      this.tokens[nodes] = at < sequence.ints ? sequence.int(at) : this.tokens[begin + at - sequence.ints];
      this.parents[nodes] = i === 0 ? 0 : nodes - 1;
    }
    return nodes;
  }
}

function sameSuffix(sequence: Bytes, place: i32, end: i32, n: i32): bool {
  for (let i = 1; i <= n; i++) if (sequence.int(place - i) !== sequence.int(end - i)) return false;
  return true;
}
