import { beforeAll, describe, expect, it, vi } from "vitest";
import { DEFAULT_MODEL } from "../../host/node/package.ts";
import { generate } from "../../src/decode/generate.ts";
import type { GenerateOptions } from "../../src/decode/options.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import { MemoryError } from "../../src/errors.ts";
import { loadModel } from "../../src/load/load.ts";
import { memoryBytes, memoryHost } from "../helpers/restless.ts";
import { TINY_CONFIGS } from "../helpers/tiny-checkpoint.ts";
import { tinyModelFiles } from "../helpers/tiny-packed.ts";

const PAGE = 65536;
/** Enough for a cache, the head's working memory and its cache. */
const ROOM = 80;

async function load(maximumPages: number, threads = 1): Promise<ModelInstance> {
  return loadModel(memoryHost({ maximumPages }, threads), DEFAULT_MODEL, { tier: "simd", threads });
}

type Outcome = readonly number[] | MemoryError;

/** Runs with about `left` pages free; gives what came out, or the error: nothing may stay taken then. */
async function withRoom(model: ModelInstance, left: number, run: () => Promise<readonly number[]>): Promise<Outcome> {
  const before = model.arena.used;
  const hole = (ROOM - left) * PAGE;
  const at = model.arena.allocate(hole, "a hole");
  const out = await run().catch((error: unknown) => error as MemoryError);
  if (out instanceof Error) {
    expect(out, `${left} pages free`).toBeInstanceOf(MemoryError);
    expect(model.arena.used, `${left} pages free`).toBe(before + hole);
  }
  model.arena.release(at, hole);
  return out;
}

describe.each([1, 2])("memory that ends, %i threads", (threads) => {
  let pages: number;
  beforeAll(async () => {
    const model = await load(65536, threads);
    pages = memoryBytes(model) / PAGE;
    model.dispose();
  });

  it("below the model's size is told when it is loaded", async () => {
    for (const maximum of [1, 2, pages - 1]) {
      const error: unknown = await load(maximum, threads).then(
        () => undefined,
        (e: unknown) => e,
      );
      expect(error, `${maximum} pages`).toBeInstanceOf(MemoryError);
      expect(error).toMatchObject({ file: DEFAULT_MODEL, field: "the model" });
    }
    const folder = tinyModelFiles(TINY_CONFIGS.block);
    const host = { ...memoryHost({ maximumPages: 1 }, threads), open: async () => folder };
    await expect(loadModel(host, "m", { tier: "simd", threads })).rejects.toThrow(MemoryError);
  });

  it("at once is told when it is loaded", async () => {
    const refused = vi.spyOn(WebAssembly, "Memory").mockImplementation(function () {
      throw new RangeError("WebAssembly.Memory(): could not allocate memory");
    });
    try {
      await expect(load(65536, threads)).rejects.toThrow(/memory: the runtime gives no memory for WebAssembly; raise the limit/);
      await expect(load(65536, threads)).rejects.toThrow(MemoryError);
    } finally {
      refused.mockRestore();
    }
  });

  it("is told to who asks for more, who may then ask for less", async () => {
    const model = await load(pages + 20, threads);
    const { used } = model.arena;
    expect(() => model.newSequence({ capacity: 1024 })).toThrow(/the runtime refused \d+ bytes of memory for a context of 1024 tokens/);
    expect(() => model.newSequence({ capacity: 1024 })).toThrow(MemoryError);
    expect(model.arena.used).toBe(used);
    const small = model.newSequence({ capacity: 32 });
    expect(small.forward([1, 2, 3]).argmax(0)).toBeGreaterThanOrEqual(0);
    small.dispose();
    expect(model.arena.used).toBe(used);
    model.dispose();
  });
});

describe("a generation that finds no memory", () => {
  const prompt = Array.from({ length: 100 }, (_, i) => 3 + ((i * 97) % 4000));
  const common: GenerateOptions = { maxTokens: 8, ignoreEos: true };
  /** Pages of the model alone. */
  let pages: number;
  beforeAll(async () => {
    const model = await load(65536);
    pages = memoryBytes(model) / PAGE;
    model.dispose();
  });

  it.each(["off", "eagle", "itself"] as const)("gives back what it took, wherever memory ended: %s", async (who) => {
    const free = await load(65536);
    const expected = (await generate(free, undefined, prompt, { ...common, speculate: "off" }).result()).tokens;
    free.dispose();
    const fresh = (): Promise<ModelInstance> => load(pages + ROOM);
    const outcomes = new Set<string>();
    let model = await fresh();
    for (let left = 0, done = 0; done < 3; left++) {
      const drafts: GenerateOptions = who === "itself" ? { speculate: "model", draftModel: model } : { speculate: who };
      const options = { ...common, ...drafts };
      const out = await withRoom(model, left, async () => (await generate(model, undefined, prompt, options).result()).tokens);
      outcomes.add(out instanceof Error ? out.field! : "done");
      if (out instanceof Error) continue;
      expect(out).toEqual(expected);
      done++;
      // The head keeps its working memory once it has it: the next one starts without.
      if (who === "eagle") {
        model.dispose();
        model = await fresh();
      }
    }
    expect([...outcomes].map((what) => what.replace(/\d+/, "N")).sort()).toEqual(
      {
        off: ["a context of N tokens", "done"],
        itself: ["a context of N tokens", "done", "the logits of N rows"],
        eagle: ["a context of N tokens", "an EAGLE cache for N tokens", "done", "the EAGLE head", "the logits of N rows"],
      }[who],
    );
    // As if nothing had been.
    expect((await generate(model, undefined, prompt, { ...common, speculate: "off" }).result()).tokens).toEqual(expected);
    model.dispose();
  });

  it("can be told before it is read, and is over then", async () => {
    const model = await load(pages + 5);
    const generation = generate(model, undefined, prompt, { ...common, speculate: "eagle" });
    expect(() => generation.reserve()).toThrow(MemoryError);
    await expect(generation.result()).rejects.toThrow(MemoryError);
    const short = generate(model, undefined, [1, 2], { maxTokens: 3, ignoreEos: true, speculate: "off" });
    short.reserve();
    short.reserve();
    expect((await short.result()).tokens).toHaveLength(3);
    const unread = generate(model, undefined, [1, 2], { maxTokens: 3, speculate: "ngram" });
    const { used } = model.arena;
    unread.reserve();
    expect(model.arena.used).toBeGreaterThan(used);
    await unread[Symbol.asyncIterator]().return?.();
    expect(model.arena.used).toBe(used);
    expect(await unread.result()).toMatchObject({ finishReason: "aborted", tokens: [] });
    model.dispose();
  });
});
