import { describe, expect, it } from "vitest";
import { DEFAULT_MODEL, loadModel } from "../../host/node/index.ts";
import type { GenerateOptions } from "../../src/decode/options.ts";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../helpers/tiny-folder.ts";
import { wasiJson } from "../helpers/wasi.ts";

const CASES: GenerateOptions[] = [
  { temperature: 0.8 },
  { temperature: 1.3, topK: 40, seed: 9007199254740991 },
  { temperature: 1, topP: 0.9 },
  { temperature: 0.7, topP: 0.95, topK: 50, minP: 0.02, repetitionPenalty: 1.15 },
  { temperature: 0, repetitionPenalty: 1.3 },
  { temperature: 2.5, minP: 0.1 },
];

const flag = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

describe("WASI command: sampling", () => {
  const folder = temporaryFolder();
  copyFileSync(DEFAULT_MODEL, join(folder, "nano.safetensors"));

  const cases = CASES.flatMap((options) => (["off", "ngram"] as const).map((speculate) => ({ ...options, speculate })));
  it.each(cases)("%j: the tokens that the JavaScript host draws", async (options) => {
    using model = await loadModel(DEFAULT_MODEL, { tier: "simd" });
    for (const seed of [0, 7, 4294967295]) {
      const all = { seed, ...options, maxTokens: 80 };
      const want = await model.generate("One day, a dog", all).result();
      const args = Object.entries(all).flatMap(([name, value]) => [flag(name), String(value)]);
      const got = await wasiJson(folder, ["--model", "nano.safetensors", "--prompt", "One day, a dog", ...args]);
      expect(got.tokens).toEqual(want.tokens);
      expect(got.seed).toBe(want.seed);
      expect(got.text).toBe(want.text);
      expect(got.tls).toBe(want.tls);
      expect([got.rounds, got.draftedTokens, got.acceptedTokens]).toEqual([want.rounds, want.draftedTokens, want.acceptedTokens]);
    }
  });

  it("draws another text without a seed", async () => {
    const args = ["--model", "nano.safetensors", "--prompt", "One day, a dog", "--temperature", "1", "--max-tokens", "40"];
    const [a, b] = [await wasiJson(folder, args), await wasiJson(folder, args)];
    expect(a.seed).not.toBe(b.seed);
    expect(a.tokens).not.toEqual(b.tokens);
  });
});
