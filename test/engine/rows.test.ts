import { expect, it } from "vitest";
import type { ModelInstance } from "../../src/engine/instance.ts";
import type { ForwardResult, RowTree, Sequence, SequenceRows } from "../../src/engine/types.ts";
import type { Quantization } from "../../src/architecture/quantization.ts";
import { loadModel } from "../../src/load/load.ts";
import { onAllThreads } from "../../synthetic/threads.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { TIERS } from "../helpers/test-host.ts";
import { sharedCalls, threadedHost } from "../helpers/threads.ts";

// A row's bits must not depend on the other rows of its call: neither on whose they are, nor on how many.
const MODELS = [
  "gqa_block_none",
  "gqa_blocklinear_rms",
  "gqa_blocklinear_sum",
  "gqa_dense",
  "gqa_moe_sparse_mixer",
  "gqa_moe_topk",
  "gqa_moe_topp",
  "mla_block_rms",
  "mla_moe_deepseek_shared",
  "mla_moe_relu",
];
const TYPES: readonly Quantization[] = ["f32", "q8", "q4"];
const host = threadedHost();

/** What one sequence has in the call: rows that it holds before, and then its rows. */
interface Entry {
  readonly held: number;
  readonly rows: Omit<SequenceRows, "sequence">;
}

const ids = (count: number, seed: number, vocab: number): number[] =>
  Array.from({ length: count }, (_, i) => (i * 37 + seed * 11 + 5) % vocab);

/** Positions and masks of a tree whose root is at `start`, after `chain` rows of a chain. */
function treeAfter(held: number, chain: number, parents: readonly number[]): RowTree {
  const n = chain + parents.length;
  const masks = new BigUint64Array(n).fill(1n);
  const positions = Array.from({ length: n }, (_, i) => held + i);
  const first = Array.from({ length: n }, (_, i) => Math.min(i, chain));
  parents.forEach((parent, i) => {
    masks[chain + i] = (1n << BigInt(i)) | (parent < 0 ? 0n : masks[chain + parent]!);
    positions[chain + i] = parent < 0 ? held + chain : positions[chain + parent]! + 1;
  });
  return { positions, masks, first };
}

/** Eight sequences: prefill chunks of up to 100 rows, rows of decoding, trees, a tree behind a chain, rows that ask for logits and such that don't. */
function entries(vocab: number): Entry[] {
  const parents = [-1, 0, 0, 2, 2, 1, 3];
  const { positions, masks } = treeAfter(17, 0, parents);
  return [
    { held: 0, rows: { tokens: ids(100, 1, vocab), logits: [0, 63, 64, 99] } },
    { held: 33, rows: { tokens: ids(1, 2, vocab) } },
    { held: 17, rows: { tokens: ids(7, 3, vocab), logits: "all", tree: { positions, masks } } },
    { held: 5, rows: { tokens: ids(1, 4, vocab) } },
    { held: 3, rows: { tokens: ids(29, 5, vocab), logits: "none" } },
    { held: 8, rows: { tokens: ids(12, 6, vocab), logits: "all", tree: treeAfter(8, 5, parents) } },
    { held: 0, rows: { tokens: ids(2, 7, vocab), logits: "all" } },
    { held: 70, rows: { tokens: ids(1, 8, vocab), logits: [0] } },
  ];
}

const words = (values: Float32Array): number[] => Array.from(new Uint32Array(values.slice().buffer));

/** All that a result tells, as bits. */
function told(result: ForwardResult): unknown {
  return {
    logits: Array.from({ length: result.logitRows }, (_, i) => words(result.logits(i))),
    best: Array.from({ length: result.logitRows }, (_, i) => result.argmax(i)),
    hidden: Array.from({ length: result.rows }, (_, row) => words(result.hidden(row))),
    experts: Array.from(result.activeExperts),
  };
}

/** Sequences that hold what the entries say. */
function begin(model: ModelInstance, list: readonly Entry[]): Sequence[] {
  return list.map(({ held }, i) => {
    const sequence = model.newSequence({ capacity: 120 });
    if (held > 0) sequence.forward(ids(held, 50 + i, model.config.vocabSize), { logits: "none" });
    return sequence;
  });
}

/** Logits of one more token of each sequence: what the caches hold. */
const after = (sequences: readonly Sequence[]): unknown[] => sequences.map((sequence) => words(sequence.forward([9]).logits(0)));

/** The entries one after the other, each in a call of its own; and after trees are cut, what the caches hold. */
function alone(model: ModelInstance, list: readonly Entry[]): unknown {
  const sequences = begin(model, list);
  const results = list.map(({ rows: { tokens, ...options } }, i) => told(sequences[i]!.forward(tokens, options)));
  sequences[2]!.keep([0, 2, 3, 6]);
  const out = { results, after: after(sequences), lengths: sequences.map(({ length }) => length) };
  sequences.forEach((sequence) => sequence.dispose());
  return out;
}

function together(model: ModelInstance, list: readonly Entry[], order: readonly number[]): unknown {
  const sequences = begin(model, list);
  const inCall = model.forwardRows(order.map((i) => ({ sequence: sequences[i]!, ...list[i]!.rows }))).map(told);
  const results = list.map((_, i) => inCall[order.indexOf(i)]);
  sequences[2]!.keep([0, 2, 3, 6]);
  const out = { results, after: after(sequences), lengths: sequences.map(({ length }) => length) };
  sequences.forEach((sequence) => sequence.dispose());
  return out;
}

describeShared("rows of eight sequences in one call", "golden/models", () => {
  for (const tier of TIERS) {
    for (const quantize of TYPES) {
      for (const name of MODELS) {
        it(`${name}, ${tier}, ${quantize}: each has the bits of its own call, on 1 and 2 threads, in any order`, async () => {
          const path = sharedPath(`golden/models/${name}`);
          const load = (threads: number): Promise<ModelInstance> => loadModel(host, path, { tier, quantize, threads });
          const one = await load(1);
          const list = entries(one.config.vocabSize);
          const want = alone(one, list);
          expect(together(one, list, [0, 1, 2, 3, 4, 5, 6, 7])).toEqual(want);
          expect(together(one, list, [5, 7, 1, 0, 6, 4, 3, 2])).toEqual(want);
          one.ffn = "dense";
          expect(results(together(one, list, [7, 6, 5, 4, 3, 2, 1, 0]))).toEqual(results(want));
          one.dispose();
          const two = onAllThreads(await load(2));
          expect(together(two, list, [3, 0, 1, 2, 4, 5, 6, 7])).toEqual(want);
          expect(sharedCalls(two)).toBe(6 + 1 + 8);
          two.dispose();
        });
      }
    }
  }
});

/** Without the experts: computing all of them changes no result. */
const results = (run: unknown): unknown => (run as { results: { logits: unknown }[] }).results.map(({ logits }) => logits);

describeShared("the table of rows", "golden/models", () => {
  const open = (): Promise<ModelInstance> => loadModel(host, sharedPath("golden/models/gqa_blocklinear_rms"), { threads: 1 });

  it("takes 256 rows, and a chain of them has the bits of chunks of 64 and of 1", async () => {
    const model = await open();
    expect(model.maxChunk).toBe(256);
    const tokens = ids(256, 1, model.config.vocabSize);
    const run = (step: number): unknown[] => {
      const sequence = model.newSequence({ capacity: 256 });
      const out: unknown[] = [];
      for (let at = 0; at < 256; at += step) {
        const result = sequence.forward(tokens.slice(at, at + step), { logits: "all" });
        for (let i = 0; i < step; i++) out.push(words(result.logits(i)));
      }
      sequence.dispose();
      return out;
    };
    const want = run(256);
    expect(run(64)).toEqual(want);
    expect(run(1)).toEqual(want);
    model.dispose();
  });

  it("keeps room for the logits that were asked for only, and gives it again when more are", async () => {
    const model = await open();
    const sequence = model.newSequence({ capacity: 64 });
    const one = model.logits.reserve(1);
    const first = words(sequence.forward(ids(10, 1, model.config.vocabSize)).logits(0));
    expect(model.logits.reserve(1)).toBe(one);
    sequence.truncate(0);
    const all = sequence.forward(ids(10, 1, model.config.vocabSize), { logits: "all" });
    expect(all.logitRows).toBe(10);
    expect(words(all.logits(9))).toEqual(first);
    model.dispose();
  });

  it("refuses what makes no rows, by name, and leaves every sequence as it was", async () => {
    const model = await open();
    const other = await open();
    const [a, b, gone] = [model.newSequence({ capacity: 8 }), model.newSequence({ capacity: 300 }), model.newSequence({ capacity: 8 })];
    gone.dispose();
    a.forward([1, 2, 3]);
    const before = words(a.forward([4]).logits(0));
    a.truncate(3);
    const good: SequenceRows = { sequence: a, tokens: [4] };
    const tree = (masks: bigint[], first?: number[], positions = masks.map((_, i) => i)): RowTree => ({
      positions,
      masks: BigUint64Array.from(masks),
      ...(first === undefined ? {} : { first }),
    });
    const bad: [field: string, limit: number | undefined, rows: readonly SequenceRows[]][] = [
      ["rows", undefined, []],
      ["rows[1].sequence", undefined, [good, { sequence: a, tokens: [5] }]],
      ["rows[1].sequence", undefined, [good, { sequence: other.newSequence({ capacity: 8 }), tokens: [5] }]],
      ["rows[1].sequence", undefined, [good, { sequence: gone, tokens: [5] }]],
      ["rows[1].tokens", undefined, [good, { sequence: b, tokens: [] }]],
      ["rows[1].tokens[2]", model.config.vocabSize - 1, [good, { sequence: b, tokens: [1, 2, model.config.vocabSize] }]],
      ["rows[1].tokens", 256, [good, { sequence: b, tokens: ids(256, 1, 100) }]],
      [
        "rows[1].capacity",
        8,
        [
          { sequence: b, tokens: [1] },
          { sequence: a, tokens: ids(6, 1, 100) },
        ],
      ],
      ["rows[1].logits[1]", 2, [good, { sequence: b, tokens: [1, 2, 3], logits: [1, 1] }]],
      ["rows[1].logits[0]", 2, [good, { sequence: b, tokens: [1, 2, 3], logits: [3] }]],
      ["rows[1].tree", undefined, [good, { sequence: b, tokens: [1, 2], tree: tree([1n]) }]],
      ["rows[1].tree.masks[1]", undefined, [good, { sequence: b, tokens: [1, 2], tree: tree([1n, 1n]) }]],
      ["rows[1].tree.masks[0]", undefined, [good, { sequence: b, tokens: [1, 2], tree: tree([3n, 3n]) }]],
      [
        "rows[1].tree.masks[64]",
        undefined,
        [
          good,
          { sequence: b, tokens: ids(65, 1, 100), tree: tree(Array.from({ length: 65 }, (_, i) => BigInt.asUintN(64, 1n << BigInt(i)))) },
        ],
      ],
      ["rows[1].tree.first[0]", undefined, [good, { sequence: b, tokens: [1, 2], tree: tree([1n, 1n], [1, 1]) }]],
      ["rows[1].tree.positions[1]", undefined, [good, { sequence: b, tokens: [1, 2], tree: tree([1n, 3n], undefined, [0, -1]) }]],
    ];
    for (const [field, limit, rows] of bad)
      expect(() => model.forwardRows(rows), field).toThrow(expect.objectContaining({ field, ...(limit === undefined ? {} : { limit }) }));
    expect([a.length, b.length]).toEqual([3, 0]);
    expect(words(a.forward([4]).logits(0))).toEqual(before);
    model.dispose();
    other.dispose();
    expect(() => model.forwardRows([good])).toThrow(/disposed/);
  });
});
