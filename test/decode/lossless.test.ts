import { expect, it } from "vitest";
import type { GenerationResult } from "../../src/decode/generation.ts";
import { generate } from "../../src/decode/generate.ts";
import type { GenerateOptions } from "../../src/decode/options.ts";
import { loadModel } from "../../src/load/load.ts";
import type { Quantization } from "../../src/architecture/quantization.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { testHost, TIERS } from "../helpers/test-host.ts";

const TYPES: readonly Quantization[] = ["f32", "q8"];

function same({ text, tokens, finishReason, tls }: GenerationResult): object {
  return { text, tokens, finishReason, tls };
}

describeShared("speculation is lossless", "golden/models", () => {
  for (const name of ["gqa_blocklinear_rms", "mla_block_rms"]) {
    for (const tier of TIERS) {
      for (const quantize of TYPES) {
        it(`${name}, ${tier}, ${quantize}`, async () => {
          const model = await loadModel(testHost, sharedPath(`golden/models/${name}`), { tier, quantize });
          const { vocabSize, contextLength } = model.config;
          const prompts = [
            [5],
            [9, 9, 9, 9],
            Array.from({ length: 24 }, (_, i) => (i * 37 + 11) % vocabSize),
            Array.from({ length: 90 }, (_, i) => [3, 50, 7, 99, 20][i % 5]!),
          ];
          for (const prompt of prompts) {
            const cases: GenerateOptions[] = [
              { maxTokens: 60 },
              { maxTokens: 60, ignoreEos: true },
              { maxTokens: 100, context: Math.min(contextLength, prompt.length + 30) },
            ];
            for (const options of cases) {
              const plain = await generate(model, undefined, prompt, { ...options, speculate: "off" }).result();
              for (const speculate of ["ngram", "auto"] as const) {
                expect(same(await generate(model, undefined, prompt, { ...options, speculate }).result())).toEqual(same(plain));
              }
            }
          }
          model.dispose();
        });
      }
    }
  }
});

describeShared("speculation is lossless on blockffn-nano", "checkpoints/blockffn-nano", () => {
  const name = "Lily and the big red ball";
  const PROMPTS = [
    "Once upon a time",
    "Tom had a red car. Tom had a red car. Tom had a red car. Tom",
    `${name}. ${name}. ${name}.`,
    "One day, a little girl named Lily found a needle in her room. She knew it was difficult to play with it because it was sharp.",
  ];

  for (const tier of TIERS) {
    for (const quantize of TYPES) {
      it(`${tier}, ${quantize}`, async () => {
        const model = await loadModel(testHost, sharedPath("checkpoints/blockffn-nano"), { tier, quantize });
        const tokenizer = loadTokenizer(model.tokenizerJson!, "tokenizer.json");
        let accepted = 0;
        for (const [i, prompt] of PROMPTS.entries()) {
          const plain = await generate(model, tokenizer, prompt, { maxTokens: 48, speculate: "off" }).result();
          // A text of two words in the middle of what is said, and one that comes at the end of it.
          const words = plain.text.split(" ");
          const stop = [
            words
              .slice(words.length >> 1, (words.length >> 1) + 2)
              .join(" ")
              .trim() || " ",
          ];
          const cases: GenerateOptions[] =
            i === 0
              ? [{ maxTokens: 48 }, { maxTokens: 48, stop }]
              : [
                  { maxTokens: 48, stop },
                  { maxTokens: 400, context: tokenizer.encode(prompt).length + 20 },
                ];
          for (const options of cases) {
            const expected = await generate(model, tokenizer, prompt, { ...options, speculate: "off" }).result();
            for (const speculate of ["ngram", "auto"] as const) {
              const result = await generate(model, tokenizer, prompt, { ...options, speculate }).result();
              expect(same(result)).toEqual(same(expected));
              if (speculate === "ngram") accepted += result.acceptedTokens!;
            }
          }
        }
        expect(accepted).toBeGreaterThan(10);
        model.dispose();
      });
    }
  }

  it("accepts much where the story repeats itself", async () => {
    const model = await loadModel(testHost, sharedPath("checkpoints/blockffn-nano"), { quantize: "q8" });
    const tokenizer = loadTokenizer(model.tokenizerJson!, "tokenizer.json");
    const result = await generate(model, tokenizer, PROMPTS[1]!, { maxTokens: 48, ignoreEos: true, speculate: "ngram" }).result();
    expect(result.acceptLength!).toBeGreaterThan(1.2);
    expect(result.expertsPerChunk!).toBeGreaterThan(0);
    model.dispose();
  });
});
