// Run by prompts.test.ts on Deno: says what the ten prompts give there, as JSON.
import { loadModel } from "../../../dist/lib/deno.js";

const { maxTokens, prompts } = (await import("../prompts.json", { with: { type: "json" } })).default;
const model = await loadModel(undefined, { tier: "simd" });
const answers = [];
for (const { prompt } of prompts) {
  const { text, tokens } = await model.generate(prompt, { maxTokens }).result();
  answers.push({ promptTokens: [...model.tokenizer.encode(prompt)], tokens, text });
}
console.log(JSON.stringify({ tier: model.loaded.tier, answers }));
