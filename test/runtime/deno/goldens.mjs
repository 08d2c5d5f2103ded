// Run by golden.test.ts on Deno, MODEL WANTED: says what the prompts give there, as JSON.
import { loadModel } from "../../../dist/lib/deno.js";

const [path, wanted] = Deno.args;
const { maxTokens, prompts } = JSON.parse(wanted);
const model = await loadModel(path, { tier: "simd" });
const said = [];
for (const prompt of prompts) {
  const { text, tokens } = await model.generate(prompt, { maxTokens }).result();
  said.push({ ids: [...model.tokenizer.encode(prompt)], tokens, text });
}
console.log(JSON.stringify(said));
