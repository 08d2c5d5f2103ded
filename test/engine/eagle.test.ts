import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { EagleDrafter } from "../../src/decode/drafters/eagle.ts";
import { BlockFFNError, UsageError } from "../../src/errors.ts";
import type { Host } from "../../src/host.ts";
import type { EagleHead } from "../../src/engine/eagle.ts";
import { type EagleOptions, loadEagle } from "../../src/load/eagle.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import { loadModel } from "../../src/load/load.ts";
import type { Quantization } from "../../src/architecture/quantization.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { bytesSource, testHost, TIERS } from "../helpers/test-host.ts";
import { tinySafetensors } from "../helpers/tiny-safetensors.ts";
import { readVectors } from "../helpers/vectors.ts";

const HIDDEN = 64;
const RANKING = [3, 150, 17, 16, 99, 0, 159, 42, 41, 77, 5, 130, 128, 127, 64, 31, 32, 33];
type Tensors = Map<string, { shape: number[]; data: ArrayLike<number> }>;

describeShared("EAGLE head", "golden/spec", () => {
  const golden = sharedPath("golden/spec/eagle");
  const goldenConfig = JSON.parse(readFileSync(`${golden}/config.json`, "utf8")) as Record<string, unknown>;
  const goldenTensors = (): Tensors => readVectors(`${golden}/model.safetensors`);
  const openBase = (quantize: Quantization = "f32", tier = TIERS[1]): Promise<ModelInstance> =>
    loadModel(testHost, sharedPath("golden/models/gqa_blocklinear_rms"), { quantize, ...(tier === undefined ? {} : { tier }) });

  /** A folder made of these parts. */
  function hostOf(config: unknown, tensors: Tensors, ranking: unknown = RANKING): Host {
    const list = [...tensors].map(([name, { shape, data }]) => ({
      name,
      dtype: "F32" as const,
      shape,
      bytes: new Uint8Array(Float32Array.from(data).buffer),
    }));
    const files = new Map<string, Uint8Array>([
      ["config.json", new TextEncoder().encode(typeof config === "string" ? config : JSON.stringify(config))],
      ["model.safetensors", tinySafetensors(list)],
      ["token_frequency_rank.json", new TextEncoder().encode(typeof ranking === "string" ? ranking : JSON.stringify(ranking))],
    ]);
    return {
      ...testHost,
      open: async (name) => ({
        name,
        single: false,
        open: async (file) => (files.has(file) ? bytesSource(files.get(file) as Uint8Array, file) : undefined),
      }),
    };
  }

  /** Draft logits of a few rows of made-up input, as bits. */
  function logitsOf(head: EagleHead): Uint32Array[] {
    const sequence = head.newSequence(8);
    const hidden = [1, 2, 3].map((seed) => Float32Array.from({ length: HIDDEN }, (_, i) => Math.sin(seed * 100 + i)));
    sequence.forward({ tokens: [7, 150, 31], hidden, positions: [0, 1, 2], at: 0, visible: 0, masks: [1n, 3n, 7n], logits: "all" });
    const { base, config } = head;
    const logits = [0, 1, 2].map((row) => base.engine.u32(head.logits.at(row), config.vocabSize).slice());
    sequence.dispose();
    return logits;
  }

  /** Cosine of the angle between two rows of floats that are given as bits. */
  function cosine(a: Uint32Array, b: Uint32Array): number {
    const [x, y] = [new Float32Array(a.buffer, a.byteOffset, a.length), new Float32Array(b.buffer, b.byteOffset, b.length)];
    const dot = (u: Float32Array, v: Float32Array): number => u.reduce((sum, value, i) => sum + value * (v[i] as number), 0);
    return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
  }

  for (const tier of TIERS) {
    for (const quantize of ["f32", "q8", "q4", "q4-all"] as const) {
      it(`${tier}, ${quantize}: a reduced vocabulary gives the ${quantize === "q4" ? "full one's logits, its rows rounded to 4 bits" : "bits of the full one's logits"}`, async () => {
        const base = await openBase(quantize, tier);
        const full = logitsOf(await loadEagle(testHost, golden, base));
        const reduced = logitsOf(await loadEagle(hostOf(goldenConfig, goldenTensors()), "x", base, { draftVocab: RANKING.length }));
        expect(new Set(full[0]).size).toBeGreaterThan(100);
        reduced.forEach((row, r) => {
          const expected = Uint32Array.from(RANKING, (id) => full[r]?.[id] as number);
          if (quantize === "q4") expect(Math.abs(cosine(row, expected) - 0.99)).toBeLessThan(0.0099);
          else expect(Array.from(row)).toEqual(Array.from(expected));
        });
        base.dispose();
      });

      it(`${tier}, ${quantize}: the prompt's pieces do not matter, nor other sequences, and proposing again gives the same`, async () => {
        const base = await openBase(quantize, tier);
        const head = await loadEagle(testHost, golden, base);
        const tokens = Array.from({ length: 150 }, (_, i) => (i * 37 + 11) % 160);
        const hidden = tokens.map((_, t) =>
          t === 0 ? new Float32Array(0) : Float32Array.from({ length: HIDDEN }, (_, i) => Math.sin(t * 9 + i)),
        );
        const whole = new EagleDrafter(head, { capacity: 200 });
        const pieces = new EagleDrafter(head, { capacity: 200 });
        whole.accept(tokens, hidden);
        for (let at = 0; at < tokens.length;) {
          const end = at + 1 + ((at * 7) % 70);
          pieces.accept(tokens.slice(at, end), hidden.slice(at, end));
          if (at % 2 === 0) pieces.propose(32);
          at = end;
        }
        const tree = whole.propose(32);
        const values = whole.growth.histVal.slice();
        expect(tree.tokens).toHaveLength(32);
        expect(pieces.propose(32)).toEqual(tree);
        expect(pieces.growth.histVal).toEqual(values);
        expect(whole.propose(32)).toEqual(tree);
        expect(whole.propose(9).tokens).toEqual(tree.tokens.slice(0, 9));
        expect(whole.propose(1)).toEqual({ tokens: [tokens[149]], parents: [-1] });
        whole.reset();
        whole.accept([5], [new Float32Array(0)]);
        expect(whole.propose(32)).toEqual({ tokens: [5], parents: [-1] });
        base.dispose();
      });
    }
  }

  it("a second layer that adds nothing changes nothing, and a missing bias is zero", async () => {
    const base = await openBase();
    const tensors = goldenTensors();
    tensors.set("fc.bias", { shape: [HIDDEN], data: new Float32Array(HIDDEN) });
    const one = logitsOf(await loadEagle(hostOf(goldenConfig, tensors), "x", base));
    tensors.delete("fc.bias");
    for (const [name, { shape, data }] of goldenTensors()) {
      if (!name.startsWith("layers.0.")) continue;
      tensors.set(name.replace("layers.0.", "layers.1."), {
        shape,
        data: /o_proj|down_proj/.test(name) ? new Float32Array(data.length) : data,
      });
    }
    tensors.set("layers.1.input_layernorm.weight", { shape: [HIDDEN], data: new Float32Array(HIDDEN).fill(1) });
    const two = logitsOf(await loadEagle(hostOf({ ...goldenConfig, num_hidden_layers: 2 }, tensors), "x", base));
    expect(two).toEqual(one);
    base.dispose();
  });

  it("drafts for a base model of another kind", async () => {
    const base = await loadModel(testHost, sharedPath("golden/models/mla_block_rms"), { quantize: "q8" });
    expect(base.config.hiddenSize).toBe(HIDDEN);
    const head = await loadEagle(hostOf({ ...goldenConfig, vocab_size: base.config.vocabSize }, goldenTensors()), "x", base);
    const drafter = new EagleDrafter(head, { capacity: 32 });
    const result = base.newSequence({ capacity: 32 }).forward([4, 8, 15]);
    drafter.accept([4, 8, 15, 16], [new Float32Array(0), result.hidden(0), result.hidden(1), result.hidden(2)]);
    expect(new Set(drafter.propose(32).tokens).size).toBeGreaterThan(10);
    expect(() => result.hidden(3)).toThrow(UsageError);
    base.dispose();
  });

  it("gives its memory back", async () => {
    const base = await openBase();
    let after = 0;
    for (let i = 0; i < 5; i++) {
      const head = await loadEagle(testHost, golden, base);
      const drafter = new EagleDrafter(head, { capacity: 4096 });
      drafter.dispose();
      head.dispose();
      head.dispose();
      expect(() => head.newSequence(4)).toThrow(UsageError);
      if (i === 0) after = base.engine.memory.buffer.byteLength;
    }
    expect(base.engine.memory.buffer.byteLength).toBe(after);
    base.dispose();
  });

  const without = (name: string): Tensors => {
    const tensors = goldenTensors();
    tensors.delete(name);
    return tensors;
  };
  const withTensor = (name: string, shape: number[], data: ArrayLike<number>): Tensors => goldenTensors().set(name, { shape, data });
  const bad: readonly [what: string, field: string | undefined, host: () => Host, options?: EagleOptions][] = [
    ["another hidden size", "hidden_size", () => hostOf({ ...goldenConfig, hidden_size: 128 }, goldenTensors())],
    ["another vocabulary", "vocab_size", () => hostOf({ ...goldenConfig, vocab_size: 161 }, goldenTensors())],
    ["heads that do not divide", "num_key_value_heads", () => hostOf({ ...goldenConfig, num_key_value_heads: 3 }, goldenTensors())],
    ["an odd head", "head_dim", () => hostOf({ ...goldenConfig, head_dim: 15 }, goldenTensors())],
    [
      "a huge FFN without weights",
      "layers.0.mlp.gate_proj.weight",
      () => hostOf({ ...goldenConfig, intermediate_size: 2 ** 20 }, goldenTensors()),
    ],
    ["layers without weights", "layers.1.input_layernorm.weight", () => hostOf({ ...goldenConfig, num_hidden_layers: 2 }, goldenTensors())],
    ["a config that is not JSON", undefined, () => hostOf("{", goldenTensors())],
    ["a missing tensor", "fc.weight", () => hostOf(goldenConfig, without("fc.weight"))],
    ["a missing norm", "input_norm2.weight", () => hostOf(goldenConfig, without("input_norm2.weight"))],
    [
      "fc for one input",
      "fc.weight",
      () => hostOf(goldenConfig, withTensor("fc.weight", [HIDDEN, HIDDEN], new Float32Array(HIDDEN * HIDDEN))),
    ],
    ["a NaN weight", "fc.bias", () => hostOf(goldenConfig, withTensor("fc.bias", [HIDDEN], new Float32Array(HIDDEN).fill(NaN)))],
    ["no draft tokens", "draftVocab", () => hostOf(goldenConfig, goldenTensors()), { draftVocab: 0 }],
    ["more draft tokens than tokens", "draftVocab", () => hostOf(goldenConfig, goldenTensors()), { draftVocab: 161 }],
    ["more draft tokens than ranked", "draftVocab", () => hostOf(goldenConfig, goldenTensors()), { draftVocab: 19 }],
    ["a ranking that is no list", undefined, () => hostOf(goldenConfig, goldenTensors(), {}), { draftVocab: 2 }],
    ["a ranking that is not JSON", undefined, () => hostOf(goldenConfig, goldenTensors(), "["), { draftVocab: 2 }],
    ["a token that is not there", "[1]", () => hostOf(goldenConfig, goldenTensors(), [1, 160]), { draftVocab: 2 }],
    ["a token twice", "[1]", () => hostOf(goldenConfig, goldenTensors(), [1, 1]), { draftVocab: 2 }],
    ["no ranking", undefined, () => testHost, { draftVocab: 2 }],
  ];
  it("refuses heads that are damaged or belong to another model, and keeps no memory for them", async () => {
    const base = await openBase();
    const probe = base.arena.allocate(64, "probe");
    base.arena.release(probe, 64);
    for (const [what, field, host, options] of bad) {
      const error: unknown = await loadEagle(host(), golden, base, options).then(
        () => undefined,
        (e: unknown) => e,
      );
      expect(error, what).toBeInstanceOf(BlockFFNError);
      expect((error as BlockFFNError).file, what).toBe(
        field === "draftVocab" && options?.draftVocab !== 19 ? undefined : ((error as BlockFFNError).file ?? "a file"),
      );
      expect((error as BlockFFNError).field, what).toBe(field);
    }
    expect(base.arena.allocate(64, "probe")).toBe(probe);
    base.dispose();
  });

  it("refuses sizes and tokens that do not fit", async () => {
    const base = await openBase();
    const head = await loadEagle(hostOf(goldenConfig, goldenTensors()), "x", base, { draftVocab: 5 });
    expect(() => new EagleDrafter(head, { capacity: 8 })).toThrow(/has 5 tokens, fewer than the 10/);
    expect(() => new EagleDrafter(head, { capacity: 0, topkPerIter: 5 })).toThrow(/capacity/);
    const drafter = new EagleDrafter(head, { capacity: 3, topkPerIter: 5 });
    const state = (): Float32Array => new Float32Array(HIDDEN).fill(0.5);
    expect(() => drafter.propose(32)).toThrow(/no token yet/);
    expect(() => drafter.accept([1])).toThrow(/hidden/);
    drafter.accept([1, 2, 3, 4], [new Float32Array(0), state(), state(), state()]);
    expect(
      drafter
        .propose(32)
        .tokens.slice(1)
        .every((id) => RANKING.slice(0, 5).includes(id)),
    ).toBe(true);
    expect(() => drafter.accept([5], [state()])).toThrow(/capacity/);
    drafter.reset();
    drafter.accept([1, 160], [new Float32Array(0), state()]);
    expect(() => drafter.propose(32)).toThrow(/vocabulary/);
    drafter.reset();
    expect(() => drafter.accept([1, 2], [new Float32Array(0), new Float32Array(3)])).toThrow(/64 values/);
    drafter.dispose();
    drafter.reset();
    drafter.accept([1, 2], [new Float32Array(0), state()]);
    expect(() => drafter.propose(32)).toThrow(/disposed/);
    base.dispose();
  });
});
