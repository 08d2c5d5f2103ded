import { beforeEach, describe, expect, it } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { Engine } from "../../src/model/engine.ts";
import type { ModelInstance } from "../../src/model/instance.ts";
import { loadModel } from "../../src/model/load.ts";
import { giveSpare, takeSpare } from "../../src/model/spare.ts";
import type { Quantization } from "../../src/model/types.ts";
import { normals } from "../helpers/kernel-bench.ts";
import { MemoryFiles } from "../helpers/memory-files.ts";
import { TINY_CONFIGS, tinyTensors } from "../helpers/tiny-checkpoint.ts";
import { tinySafetensors } from "../helpers/tiny-safetensors.ts";
import { engineModule, testHost, TIERS } from "../helpers/test-host.ts";

const PAGE = 65536;
const PAGES = 160;

type Kind = keyof typeof TINY_CONFIGS;

function load(kind: Kind, quantize: Quantization, tier: "scalar" | "simd" = "simd"): Promise<ModelInstance> {
  const tensors = tinyTensors(TINY_CONFIGS[kind]).map((tensor, i) => {
    const values = normals(tensor.shape.reduce((a, b) => a * b, 1), i + 1, 0.3);
    return { ...tensor, bytes: new Uint8Array(values.buffer) };
  });
  const files = new MemoryFiles({ "config.json": JSON.stringify(TINY_CONFIGS[kind]), "model.safetensors": tinySafetensors(tensors) });
  return loadModel({ ...testHost, open: async () => files }, kind, { quantize, tier });
}

/** Logits of a prompt as a chunk, and of two tokens after it one by one, as bits. */
function run(model: ModelInstance): Uint32Array {
  const sequence = model.newSequence({ capacity: 8 });
  const rows: number[] = [];
  for (const ids of [[0, 1, 2], [1], [2]]) {
    const result = sequence.forward(ids, { logits: "all" });
    for (let i = 0; i < ids.length; i++) rows.push(...result.logits(i));
  }
  return new Uint32Array(Float32Array.from(rows).buffer);
}

/** A memory full of NaN, as a spare. */
function poison(pages = PAGES): WebAssembly.Memory {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65536 });
  new Uint8Array(memory.buffer).fill(0xff);
  giveSpare(memory);
  return memory;
}

beforeEach(() => void takeSpare(Infinity));

describe("the memory of a disposed model", () => {
  for (const kind of Object.keys(TINY_CONFIGS) as Kind[]) {
    for (const tier of TIERS) {
      it(`serves ${kind}, ${tier}: the same bits as fresh memory, whatever it held`, async () => {
        for (const quantize of ["f32", "q8", "q4"] as const) {
          const fresh = await load(kind, quantize, tier);
          const want = run(fresh);
          expect(new Float32Array(want.buffer).every(Number.isFinite)).toBe(true);
          const memory = poison();
          const again = await load(kind, quantize, tier);
          expect(again.engine.memory).toBe(memory);
          expect(run(again)).toEqual(want);
          again.ffn = "dense";
          fresh.ffn = "dense";
          expect(run(again)).toEqual(run(fresh));
        }
      });
    }
  }

  it("has the engine's own data as in fresh memory, and zeros where they are asked for", async () => {
    const fresh = await Engine.create(engineModule("simd"));
    const memory = poison();
    const again = await Engine.create(engineModule("simd"), "again", PAGE);
    expect(again.memory).toBe(memory);
    const own = again.exports.heapBase();
    expect(again.bytes(0, own)).toEqual(fresh.bytes(0, own));
    const to = 3 * PAGE + 7;
    again.clear(own, to);
    expect(again.bytes(own, to - own).every((byte) => byte === 0)).toBe(true);
    expect(again.bytes(to, 1)[0]).toBe(0xff);
    again.reserve((PAGES + 2) * PAGE, "test");
    again.clear(to, (PAGES + 2) * PAGE);
    expect(again.bytes(to, (PAGES + 2) * PAGE - to).every((byte) => byte === 0)).toBe(true);
  });

  it("goes to the next model, and to one only, however often dispose is called", async () => {
    const first = await load("block", "q8");
    const { memory } = first.engine;
    first.dispose();
    const second = await load("llama", "q4");
    expect(second.engine.memory).toBe(memory);
    const want = run(second);
    first.dispose();
    const third = await load("llama", "q4");
    expect(third.engine.memory).not.toBe(memory);
    expect(run(third)).toEqual(want);
    expect(run(second)).toEqual(want);
  });

  it("is out of reach for what is left of the disposed model", async () => {
    const model = await load("block", "q8");
    const sequence = model.newSequence({ capacity: 4 });
    const result = sequence.forward([1]);
    const kept = result.logits(0);
    expect(kept.length).toBeGreaterThan(0);
    model.dispose();
    expect(kept.length).toBe(0);
    const next = await load("block", "q8");
    for (const use of [() => result.logits(0), () => result.argmax(0), () => result.hidden(0), () => result.activeExperts, () => sequence.forward([1]), () => model.newSequence(), () => model.engine]) {
      expect(use).toThrow(UsageError);
    }
    expect(() => sequence.dispose()).not.toThrow();
    next.dispose();
  });

  it("is taken only by a model that needs much of it", () => {
    poison(1024);
    expect(takeSpare(PAGE)).toBeUndefined();
    expect(takeSpare(1024 * PAGE)?.buffer.byteLength).toBe(1024 * PAGE);
    expect(takeSpare(1024 * PAGE)).toBeUndefined();
  });

  it("is not kept when it is shared", () => {
    giveSpare(new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }));
    expect(takeSpare(Infinity)).toBeUndefined();
  });
});
