import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { blockffn } from "../helpers/fake-io.ts";
import { tinyGgufModel } from "../helpers/gguf-models.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";
import { wasiJson } from "../helpers/wasi.ts";

describe.each(["llama", "qwen2"] as const)("a GGUF file of a %s", (architecture) => {
  const folder = temporaryFolder();
  const model = join(folder, "m.gguf");
  const bytes = tinyGgufModel(architecture);
  writeFileSync(model, bytes);
  const generate = async (path: string): Promise<unknown> => {
    const args = ["--max-tokens", "6", "--ignore-eos", "--speculate", "off", "--tier", "simd", "--json"];
    const { code, out, err } = await blockffn(["generate", "abab", "--model", path, ...args]);
    expect(code, err).toBe(0);
    const { tokens, text, promptTokens } = JSON.parse(out) as Record<string, unknown>;
    return { tokens, text, promptTokens };
  };

  it("inspect says what it is", async () => {
    const { code, out } = await blockffn(["inspect", model]);
    expect(code).toBe(0);
    expect(out).toMatch(/format +GGUF/);
    expect(out).toMatch(/f32/);
    const verify = await blockffn(["inspect", model, "--verify"]);
    expect(verify).toMatchObject({ code: 2, err: expect.stringContaining("packed files alone have checksums") as string });
  });

  it("converted, it says the same, in the stand-alone command, too", async () => {
    const out = join(folder, "m.safetensors");
    const { code, err } = await blockffn(["convert", model, "--out", out, "--quantize", "f32"]);
    expect(code, err).toBe(0);
    const want = await generate(model);
    expect(await generate(out)).toEqual(want);
    const args = ["--model", "m.safetensors", "--prompt", "abab", "--max-tokens", "6", "--ignore-eos", "--speculate", "off"];
    expect(await wasiJson(folder, args)).toMatchObject(want as object);
  });

  it("is never written to", async () => {
    const { code } = await blockffn(["convert", model, "--out", model, "--force"]);
    expect(code).toBe(2);
    expect(readFileSync(model).equals(bytes)).toBe(true);
  });
});
