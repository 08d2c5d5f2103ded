import { describe, expect, it } from "vitest";
import { encodePacked } from "../helpers/packed-v2.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import { loadModel } from "../../src/load/load.ts";
import { matrixBytes } from "../../core/panel.ts";
import { planWeights } from "../../src/architecture/plan.ts";
import { MemorySource } from "../helpers/memory-files.ts";
import { testHost } from "../helpers/test-host.ts";

// 21 MB of f32 weights: more ranges than are read at once.
const CONFIG: ModelConfig = {
  architecture: "llama",
  vocabSize: 16000,
  hiddenSize: 256,
  layers: 2,
  contextLength: 64,
  rmsEps: 1e-5,
  ropeTheta: 10000,
  embedScale: 1,
  residualScale: 1,
  logitScale: 1,
  tied: true,
  attention: { kind: "gqa", heads: 4, kvHeads: 2, headDim: 64 },
  ffn: { kind: "dense", size: 512, gated: true },
  bosTokenId: 1,
  eosTokenIds: [2],
};
const PLAN = planWeights(CONFIG, "f32");
const { head, weightsOffset, fileSize } = encodePacked(CONFIG, PLAN, undefined);

function file(): Uint8Array {
  const bytes = new Uint8Array(fileSize);
  bytes.set(head);
  for (let i = weightsOffset; i < fileSize; i += 4) bytes[i] = i / 4;
  return bytes;
}

/** Answers reads of weights late, the later ones first; `before` is told of each. */
class SlowSource extends MemorySource {
  readonly sequential: boolean;
  readonly #before: (offset: number) => void;

  constructor(bytes: Uint8Array, sequential: boolean, before: (offset: number) => void = () => {}) {
    super("slow.safetensors", bytes);
    this.sequential = sequential;
    this.#before = before;
  }

  override async readInto(offset: number, target: Uint8Array): Promise<void> {
    if (offset >= weightsOffset) {
      this.#before(offset);
      await new Promise((resolve) => setTimeout(resolve, 30 - (20 * offset) / fileSize));
    }
    return super.readInto(offset, target);
  }
}

function load(source: MemorySource, onProgress?: (done: number, total: number) => void): Promise<ModelInstance> {
  const files = { name: source.name, single: true, open: async () => source };
  return loadModel({ ...testHost, open: async () => files }, source.name, onProgress === undefined ? {} : { onProgress });
}

// A file that can be read anywhere is read from its start at once, a stream after its header.
for (const sequential of [false, true]) {
  describe(sequential ? "a stream" : "a small file", () => {
    it("has every range in its place, whatever order reads end in", async () => {
      const bytes = file();
      const seen: [number, number][] = [];
      const source = new SlowSource(bytes, sequential);
      const model = await load(source, (...progress) => seen.push(progress));
      const total = sequential ? fileSize - weightsOffset : fileSize;
      expect(seen.length).toBeGreaterThan(4);
      expect(seen.at(-1)).toEqual([total, total]);
      expect(Buffer.compare(model.engine.bytes(model.addresses.weights, fileSize - weightsOffset), bytes.subarray(weightsOffset))).toBe(0);
      expect(source.counts.closed).toBe(1);
      const result = model.newSequence().forward([1, 2, 3], { logits: "last" });
      expect(result.argmax(0)).toBeLessThan(CONFIG.vocabSize);
    });

    it("with NaN in the last weight of any part is refused", async () => {
      const bytes = file();
      const view = new DataView(bytes.buffer);
      for (const part of PLAN.parts) {
        const at = weightsOffset + part.offset + part.bytes - 4;
        const kept = view.getUint32(at, true);
        view.setUint32(at, 0x7fc00000, true);
        const source = new SlowSource(bytes, sequential);
        await expect(load(source)).rejects.toMatchObject({ name: "FormatError", file: "slow.safetensors", field: part.name });
        expect(source.counts.closed).toBe(1);
        view.setUint32(at, kept, true);
      }
    }, 60_000);

    it("is not read on after a range that fails", async () => {
      let started = 0;
      const source = new SlowSource(file(), sequential, () => {
        if (++started === 2) throw new Error("no more");
      });
      await expect(load(source)).rejects.toThrow("no more");
      const before = started;
      await new Promise((resolve) => setTimeout(resolve, 80));
      expect(started).toBe(before);
      expect(before).toBeLessThanOrEqual(5);
      expect(source.counts.closed).toBe(1);
    });
  });
}

it("has a tokenizer that lies behind the first read, whenever that comes", async () => {
  const json = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
  const packed = encodePacked(CONFIG, PLAN, json);
  const bytes = new Uint8Array(packed.fileSize);
  bytes.set(packed.head);
  class LateSource extends MemorySource {
    override async readInto(offset: number, target: Uint8Array): Promise<void> {
      if (offset > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      return super.readInto(offset, target);
    }
  }
  const model = await load(new LateSource("late.safetensors", bytes));
  expect(Buffer.compare(model.tokenizerJson!, json)).toBe(0);
});

it("finds NaN in an expert's way down", async () => {
  const config: ModelConfig = {
    ...CONFIG,
    vocabSize: 64,
    ffn: {
      kind: "experts",
      router: "block",
      experts: 4,
      expertSize: 32,
      routerNorm: "rms",
      normScale: 1,
      topK: 0,
      topP: 0,
      sharedSize: 0,
      sharedGated: false,
    },
  };
  const plan = planWeights(config, "f32");
  const packed = encodePacked(config, plan, undefined);
  const bytes = new Uint8Array(packed.fileSize);
  bytes.set(packed.head);
  const part = plan.byName.get("layers.1.experts")!;
  const down = packed.weightsOffset + part.offset + 3 * part.stride + matrixBytes(part.type, 32, CONFIG.hiddenSize);
  new DataView(bytes.buffer).setUint32(down + matrixBytes(part.type, CONFIG.hiddenSize, 32) - 4, 0x7fc00000, true);
  await expect(load(new MemorySource("x.safetensors", bytes))).rejects.toMatchObject({ name: "FormatError", field: "layers.1.experts" });
});

it("reads no further when the header is refused", async () => {
  const bytes = file();
  bytes[8] = 0x20;
  const source = new SlowSource(bytes, false);
  await expect(load(source)).rejects.toMatchObject({ name: "FormatError", file: "slow.safetensors" });
  expect(source.counts.closed).toBe(1);
  const { bytesRead } = source.counts;
  await new Promise((resolve) => setTimeout(resolve, 80));
  expect(source.counts.bytesRead).toBe(bytesRead);
  expect(bytesRead).toBeLessThan(fileSize);
});

it("refuses weights that are not on a cache line", async () => {
  // The same header with eight more spaces.
  const text = new TextDecoder().decode(head.subarray(8));
  const length = text.length + 8;
  const moved = new Uint8Array(8 + fileSize).fill(0x20, 8, 8 + length);
  new DataView(moved.buffer).setBigUint64(0, BigInt(length), true);
  moved.set(new TextEncoder().encode(text), 8);
  await expect(load(new SlowSource(moved, false))).rejects.toMatchObject({
    name: "FormatError",
    field: "embed",
    message: /convert the model again/,
  });
});
