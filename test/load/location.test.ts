import { describe, expect, it } from "vitest";
import * as node from "../../host/node/index.ts";
import { BlockFFNError, LimitError, SourceError, UsageError } from "../../src/errors.ts";
import { isOutOfMemory, newMemory } from "../../src/engine/memory.ts";
import { blockffn } from "../helpers/fake-io.ts";

const WRONG: readonly unknown[] = [new Uint8Array(5_000_000), Buffer.alloc(1000), new ArrayBuffer(8), 7, null, {}, ["a"], "", () => "x"];

describe("where a model is", () => {
  it.each(WRONG.map((value) => [Object.prototype.toString.call(value), value] as const))(
    "%s is refused in a few words",
    async (_, value) => {
      const error: unknown = await node.loadModel(value as string).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(UsageError);
      expect((error as UsageError).message.length).toBeLessThan(200);
    },
  );

  it("a long path does not make a long message", async () => {
    const error: unknown = await node.loadModel("x".repeat(1_000_000)).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(SourceError);
    expect((error as SourceError).message.length).toBeLessThan(600);
  });

  it.each([
    [["generate", "x", "--model", ""], "--model is empty"],
    [["generate", "x", "--draft-model", ""], "is empty"],
    [["convert", "", "--out", "x"], "path is empty"],
    [["inspect", ""], "empty"],
  ])("%j is wrong usage", async (args, message) => {
    const { code, err } = await blockffn(args, { defaultModel: node.DEFAULT_MODEL });
    expect(err).toContain(message);
    expect(code).toBe(2);
  });
});

describe("memory that a system does not give", () => {
  it.each([
    "WebAssembly.Memory(): could not allocate memory",
    "Array buffer allocation failed",
    "WebAssembly.instantiate(): Out of memory: Cannot allocate Wasm memory for new instance",
    "WebAssembly.Module(): out of memory",
  ])("%s is known", (message) => expect(isOutOfMemory(new RangeError(message))).toBe(true));

  it("is not what other errors are about", () => {
    for (const error of [new RangeError("Maximum call stack size exceeded"), new Error("x"), "out of memory"])
      expect(isOutOfMemory(error)).toBe(false);
  });

  it("is a typed error with advice", () => {
    const { Memory } = WebAssembly;
    WebAssembly.Memory = class {
      constructor() {
        throw new RangeError("WebAssembly.Memory(): could not allocate memory");
      }
    } as unknown as typeof Memory;
    try {
      expect(() => newMemory(1)).toThrow(LimitError);
      expect(() => newMemory(1)).toThrow(/ulimit -v/);
    } finally {
      WebAssembly.Memory = Memory;
    }
    expect(newMemory(1)).toBeInstanceOf(Memory);
    expect(new BlockFFNError("m", { file: "f".repeat(1e6) }).message.length).toBeLessThan(400);
  });
});
