import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { loadModel } from "../../../host/node/index.ts";
import { expandGguf } from "../../helpers/gguf-expand.ts";
import { describeLlamaCpp, describeSmolLm } from "../../helpers/describe-gguf.ts";
import { compareGreedy } from "../../helpers/gguf-greedy.ts";
import { writeSmolLm } from "../../helpers/smollm.ts";
import { temporaryFolder } from "../../helpers/tiny-folder.ts";

// The real file of issue 17: SmolLM2-135M-Instruct, matrices in Q4_1 and the embedding in Q8_0, and the same with every tensor in F32.

const STEPS = 200;
/** The largest margin between two logits at which the tokens may part. */
const MARGIN = 0.05;
const QUESTIONS = [
  "What is the capital of France?",
  "Write a short story about a lighthouse keeper.",
  "Explain how rain forms, in three steps.",
];
const turn = (text: string): string => `<|im_start|>user\n${text}<|im_end|>\n<|im_start|>assistant\n`;

describeSmolLm("SmolLM2-135M-Instruct", () => {
  const folder = temporaryFolder();
  let quantized: string;
  let floats: string;
  beforeAll(async () => {
    quantized = writeSmolLm(folder);
    floats = join(folder, "f32.gguf");
    await expandGguf(quantized, floats);
  }, 120_000);

  it("loads as it is, in q8, and answers", async () => {
    using model = await loadModel(quantized, { tier: "simd" });
    expect(model.loaded.quantization).toBe("q8");
    const { text } = await model.generate(turn(QUESTIONS[0]!), { maxTokens: 30 }).result();
    expect(text).toContain("Paris");
  }, 120_000);

  describeLlamaCpp("llama.cpp, on F32", () => {
    it(`${STEPS} greedy tokens of ours, or the first other one at a margin below ${MARGIN}`, async () => {
      using model = await loadModel(floats, { tier: "simd" });
      expect(model.loaded.quantization).toBe("f32");
      const tokenizer = model.tokenizer!;
      const prompts = QUESTIONS.map((text) => Array.from(tokenizer.encode(turn(text))));
      for (const [i, { same, margin }] of compareGreedy(model, floats, prompts, STEPS).entries()) {
        console.log(`${QUESTIONS[i]}: ${same} tokens as llama.cpp${margin === undefined ? "" : `, then a margin of ${margin}`}`);
        expect(margin ?? 0).toBeLessThan(MARGIN);
      }
    }, 600_000);
  });
});
