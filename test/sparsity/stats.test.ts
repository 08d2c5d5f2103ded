import fc from "fast-check";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { countBits } from "../../src/sparsity/bits.ts";
import { CHUNK_LENGTHS, SparsityCounter } from "../../src/sparsity/stats.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { readVectors } from "../helpers/vectors.ts";

/** Active experts as sets: `[layers][tokens]`. */
type Sets = readonly (readonly ReadonlySet<number>[])[];

function maskOf(sets: Sets, experts: number, from: number, to: number): Uint32Array {
  const words = Math.ceil(experts / 32);
  const mask = new Uint32Array(sets.length * (to - from) * words);
  sets.forEach((layer, l) =>
    layer.slice(from, to).forEach((set, row) => {
      for (const expert of set) mask[(l * (to - from) + row) * words + (expert >>> 5)]! |= 1 << (expert & 31);
    }),
  );
  return mask;
}

/** Adds one document in chunks of the given sizes, the rest at once. */
function addDocument(counter: SparsityCounter, sets: Sets, experts: number, sizes: readonly number[] = []): void {
  const tokens = sets[0]!.length;
  let from = 0;
  for (const size of [...sizes, tokens]) {
    const to = Math.min(tokens, from + size);
    counter.addDocumentChunk(maskOf(sets, experts, from, to), to - from);
    from = to;
  }
  counter.endDocument();
}

interface Golden {
  sparsity?: {
    TLS: number;
    TLS_counts: [number, number];
    TLS_per_layer: number[];
    CLS: Record<string, number>;
    CLS_counts_active_total: Record<string, [number, number]>;
  };
  sparsity_first_token_excluded?: { CLS: Record<string, number>; CLS_counts_active_total: Record<string, [number, number]> };
}

/** Active experts of a golden model: router scores that are not 0, or the indices of a top-k router. */
function goldenSets(name: string): { sets: Sets; experts: number } {
  const tensors = readVectors(sharedPath(`golden/models/${name}/golden.safetensors`));
  const config = JSON.parse(readFileSync(sharedPath(`golden/models/${name}/config.json`), "utf8")) as Record<string, number>;
  let experts = 0;
  const sets: Set<number>[][] = [];
  for (let layer = 0; ; layer++) {
    const scores = tensors.get(`layer${layer}.router_score`);
    const indices = tensors.get(`layer${layer}.topk_indices`);
    if (scores === undefined && indices === undefined) break;
    const { shape, data } = (scores ?? indices)!;
    const [rows, width] = shape as [number, number];
    // The shared experts are among num_experts, but no router chooses them.
    experts = scores === undefined ? config["num_experts"]! - (config["num_shared_experts"] ?? 0) : width;
    sets.push(
      Array.from({ length: rows }, (_, row) => {
        const set = new Set<number>();
        for (let i = 0; i < width; i++) {
          const value = data[row * width + i]!;
          if (scores === undefined) {
            if (value >= 0) set.add(value);
          } else if (value !== 0) {
            set.add(i);
          }
        }
        return set;
      }),
    );
  }
  return { sets, experts };
}

const MODELS = [
  "gqa_block_none",
  "gqa_blocklinear_rms",
  "gqa_blocklinear_sum",
  "gqa_moe_sparse_mixer",
  "gqa_moe_topk",
  "gqa_moe_topp",
  "mla_block_rms",
  "mla_moe_deepseek_shared",
  "mla_moe_relu",
];

describeShared("golden models", "golden/models", () => {
  it.each(MODELS)("%s", (name) => {
    const golden = JSON.parse(readFileSync(sharedPath(`golden/models/${name}/golden.json`), "utf8")) as Golden;
    const { sets, experts } = goldenSets(name);
    for (const sizes of [[], [1, 1, 1, 5, 2], [7, 16]]) {
      const counter = new SparsityCounter(sets.length, experts);
      addDocument(counter, sets, experts, sizes);
      const result = counter.result();
      const { TLS: tls, TLS_counts: counts, TLS_per_layer: perLayer, CLS: cls, CLS_counts_active_total: clsCounts } = golden.sparsity!;
      expect(result.tls).toBe(tls);
      expect([result.tlsCount.active, result.tlsCount.total]).toEqual(counts);
      result.tlsPerLayer.forEach((value, layer) => expect(value).toBeCloseTo(perLayer[layer]!, 12));
      for (const length of [2, 4, 8, 16] as const) {
        const { active, total } = result.clsCounts[length];
        expect([active, total], `CLS ${length}`).toEqual(clsCounts[length]);
        expect(result.cls[length]).toBeCloseTo(cls[length]!, 12);
      }
      // 24 tokens hold no chunk of 32.
      expect(result.cls[32]).toBeNull();
    }
    // The authors' training mask exists for block routers only.
    expect(golden.sparsity_first_token_excluded === undefined).toBe(name.includes("moe"));
    if (golden.sparsity_first_token_excluded === undefined) return;
    const withoutFirst = new SparsityCounter(sets.length, experts);
    addDocument(
      withoutFirst,
      sets.map((layer) => layer.slice(1)),
      experts,
    );
    for (const length of [2, 4, 8, 16] as const) {
      const { active, total } = withoutFirst.result().clsCounts[length];
      expect([active, total]).toEqual(golden.sparsity_first_token_excluded.CLS_counts_active_total[length]);
    }
  });
});

/** The definitions, word for word. */
function byDefinition(
  documents: readonly Sets[],
  experts: number,
): { tls: number | null; cls: Record<number, number | null>; reuse: number | null } {
  const share = (active: number, total: number): number | null => (total === 0 ? null : 1 - active / total);
  let active = 0,
    total = 0,
    ratios = 0,
    pairs = 0;
  const cls: Record<number, number | null> = {};
  for (const length of CHUNK_LENGTHS) {
    let chunkActive = 0,
      chunkTotal = 0;
    for (const layer of documents.flat()) {
      for (let i = 0; i + length <= layer.length; i += length) {
        chunkActive += new Set(layer.slice(i, i + length).flatMap((set) => [...set])).size;
        chunkTotal += experts;
      }
    }
    cls[length] = share(chunkActive, chunkTotal);
  }
  for (const layer of documents.flat()) {
    layer.forEach((set, i) => {
      active += set.size;
      total += experts;
      const next = layer[i + 1];
      if (next === undefined || set.size === 0) return;
      ratios += [...set].filter((expert) => next.has(expert)).length / set.size;
      pairs++;
    });
  }
  return { tls: share(active, total), cls, reuse: pairs === 0 ? null : ratios / pairs };
}

describe("counting", () => {
  it("follows the definitions, however documents are cut into calls", () => {
    const cases = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.constantFrom(1, 5, 31, 32, 33, 48, 64, 70)).chain(([layers, experts]) => {
      const set = fc.uniqueArray(fc.integer({ min: 0, max: experts - 1 }), { maxLength: 6 }).map((list) => new Set(list));
      const document = fc
        .integer({ min: 1, max: 40 })
        .chain((tokens) => fc.array(fc.array(set, { minLength: tokens, maxLength: tokens }), { minLength: layers, maxLength: layers }));
      return fc.record({
        layers: fc.constant(layers),
        experts: fc.constant(experts),
        documents: fc.array(document, { maxLength: 4 }),
        sizes: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 6 }),
      });
    });
    fc.assert(
      fc.property(cases, ({ layers, experts, documents, sizes }) => {
        const [whole, cut] = [new SparsityCounter(layers, experts), new SparsityCounter(layers, experts)];
        for (const document of documents) {
          addDocument(whole, document, experts);
          addDocument(cut, document, experts, sizes);
        }
        const result = whole.result();
        expect(cut.result()).toEqual(result);
        const expected = byDefinition(documents, experts);
        expect(result.tls).toBe(expected.tls);
        expect(result.cls).toEqual(expected.cls);
        if (expected.reuse === null) expect(result.reuseRatio).toBeNull();
        else expect(result.reuseRatio).toBeCloseTo(expected.reuse, 12);
        expect(result).toMatchObject({
          documents: documents.length,
          tokens: documents.reduce((sum, document) => sum + document[0]!.length, 0),
        });
      }),
      { numRuns: 300, seed: 13 },
    );
  });

  it("by hand", () => {
    const counter = new SparsityCounter(1, 4);
    addDocument(counter, [[new Set([0, 1]), new Set([1, 2]), new Set(), new Set([3])]], 4);
    addDocument(counter, [[new Set([0])]], 4);
    const result = counter.result();
    expect(result.tls).toBe(1 - 6 / 20);
    expect(result.clsCounts[2]).toEqual({ active: 4, total: 8 });
    expect(result.clsCounts[4]).toEqual({ active: 4, total: 4 });
    expect(result.cls[8]).toBeNull();
    // 1 of 2, then 0 of 2; the empty set begins no pair, the second document has none.
    expect(result.reuseRatio).toBe(0.25);
    expect(result).toMatchObject({ tokens: 5, documents: 2 });
  });

  it("ignores bits beyond the last expert", () => {
    const counter = new SparsityCounter(1, 3);
    counter.addDocumentChunk(Uint32Array.of(0xffffffff, 0xffffffff), 2);
    expect(counter.result()).toMatchObject({ tls: 0, reuseRatio: 1 });
  });

  it("of nothing is null", () => {
    expect(new SparsityCounter(2, 8).result()).toMatchObject({
      tokens: 0,
      documents: 0,
      tls: null,
      tlsPerLayer: [null, null],
      reuseRatio: null,
      cls: { 2: null, 32: null },
    });
  });

  it("refuses sizes that do not fit", () => {
    for (const [layers, experts] of [
      [0, 1],
      [1, 0],
      [1.5, 1],
      [1, NaN],
      [1, 1e9],
    ] as const)
      expect(() => new SparsityCounter(layers, experts)).toThrow(UsageError);
    const counter = new SparsityCounter(2, 40);
    expect(() => counter.addDocumentChunk(new Uint32Array(7), 2)).toThrow(
      expect.objectContaining({ name: "UsageError", field: "mask" }) as Error,
    );
    expect(() => counter.addDocumentChunk(new Uint32Array(0), -1)).toThrow(UsageError);
    counter.addDocumentChunk(new Uint32Array(0), 0);
  });
});

it("counts bits", () => {
  fc.assert(
    fc.property(fc.integer(), (word) => {
      expect(countBits(word)).toBe([...(word >>> 0).toString(2)].filter((bit) => bit === "1").length);
    }),
    { seed: 1 },
  );
});
