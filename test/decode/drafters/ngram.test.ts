import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NgramDrafter, type NgramOptions } from "../../../src/decode/drafters/ngram.ts";
import { createRandom } from "../../../src/decode/sampling/rng.ts";
import { checkTree } from "../../../src/decode/speculative/tree.ts";
import { UsageError } from "../../../src/errors.ts";

function drafter(tokens: readonly number[], options: NgramOptions = {}): NgramDrafter {
  const ngram = new NgramDrafter(options);
  ngram.accept(tokens);
  return ngram;
}

describe("NgramDrafter", () => {
  it("guesses nothing where only the hashes of two suffixes are the same", () => {
    const hashes = new Map<number, [number, number]>();
    const random = createRandom(5);
    for (;;) {
      const pair: [number, number] = [random.uint32() >>> 12, random.uint32() >>> 12];
      // As the table hashes: the last token first.
      const hash = [pair[1], pair[0]].reduce((h, token) => {
        const mixed = Math.imul(h ^ token, 0x01000193);
        return mixed ^ (mixed >>> 15);
      }, 0x811c9dc5);
      const other = hashes.get(hash);
      hashes.set(hash, pair);
      if (other === undefined || new Set([...pair, ...other]).size < 4) continue;
      expect(drafter([...other, 7, 8, ...pair], { minNgram: 2 }).propose(4).tokens).toEqual([pair[1]]);
      return;
    }
  });

  it("goes on as after the longest suffix", () => {
    // After 1 2 came 9, after 5 1 2 came 3 4.
    const ngram = drafter([5, 1, 2, 3, 4, 8, 1, 2, 9, 5, 1, 2], { branches: 1 });
    expect(ngram.propose(4)).toEqual({ tokens: [2, 3, 4, 8], parents: [-1, 0, 1, 2] });
    expect(ngram.propose(2)).toEqual({ tokens: [2, 3], parents: [-1, 0] });
    expect(ngram.propose(1)).toEqual({ tokens: [2], parents: [-1] });
  });

  it("takes the most recent of several", () => {
    expect(drafter([1, 2, 1, 3, 1], { branches: 1 }).propose(3).tokens).toEqual([1, 3, 1]);
  });

  it("has no guess for what is new", () => {
    expect(drafter([1, 2, 3, 4]).propose(8)).toEqual({ tokens: [4], parents: [-1] });
    expect(drafter([1, 2, 1], { minNgram: 2 }).propose(8)).toEqual({ tokens: [1], parents: [-1] });
  });

  it("repeats a loop as long as asked", () => {
    expect(drafter([7, 1, 2, 3, 1, 2, 3], { branches: 1 }).propose(10).tokens).toEqual([3, 1, 2, 3, 1, 2, 3, 1, 2, 3]);
    expect(drafter([4, 4]).propose(5)).toEqual({ tokens: [4, 4, 4, 4, 4], parents: [-1, 0, 1, 2, 3] });
  });

  it("tries several continuations side by side", () => {
    const { tokens, parents } = drafter([1, 2, 5, 6, 7, 1, 3, 8, 9, 1], { branches: 2 }).propose(7);
    expect(tokens).toEqual([1, 3, 8, 9, 2, 5, 6]);
    expect(parents).toEqual([-1, 0, 1, 2, 0, 4, 5]);
  });

  it("does not mind how tokens come, and forgets", () => {
    const tokens = Array.from({ length: 200 }, (_, i) => (i * i) % 7);
    const ngram = new NgramDrafter();
    for (const token of tokens) ngram.accept([token]);
    expect(ngram.propose(20)).toEqual(drafter(tokens).propose(20));
    ngram.reset();
    expect(() => ngram.propose(4)).toThrow(UsageError);
    ngram.accept([tokens[0]!]);
    expect(ngram.propose(4).tokens).toHaveLength(1);
  });

  it("proposes only what followed some suffix before (property)", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 70 }),
        (tokens, maxNodes) => {
          const tree = drafter(tokens).propose(maxNodes);
          checkTree(tree, maxNodes);
          expect(tree.tokens[0]).toBe(tokens.at(-1));
          const firsts = tree.tokens.filter((_, i) => tree.parents[i] === 0);
          expect(new Set(firsts).size).toBe(firsts.length);
          for (const first of firsts) expect(tokens.some((token, i) => token === tokens.at(-1) && tokens[i + 1] === first)).toBe(true);
          // A guess there is whenever the last token occurred before.
          expect(firsts.length > 0).toBe(maxNodes > 1 && tokens.indexOf(tokens.at(-1)!) < tokens.length - 1);
        },
      ),
    );
  });

  it.each([[{ maxNgram: 0 }], [{ maxNgram: 17 }], [{ minNgram: 5 }], [{ minNgram: 0 }], [{ branches: 0 }], [{ branches: 1.5 }]])(
    "refuses %j",
    (options) => {
      expect(() => new NgramDrafter(options)).toThrow(UsageError);
    },
  );
});
