// Writes prompts.json, the one definition of what every host must say: ten greedy prompts with the token ids that the
// embedded default model gives in the `simd` tier on Node. Run after `npm run build`: node test/runtime/make-prompts.mjs
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadModel } from "../../dist/lib/node.js";

const MAX_TOKENS = 48;
const PROMPTS = [
  "Once upon a time",
  "Once upon a time, there was a little girl named Lily. She",
  "Tom and his dog went to the park. They saw a big",
  "The old king sat by the fire and said,",
  "Ben had a red car. He liked to",
  '"Can I have a cookie?" asked Mia. Her mom',
  "One day, a small bird found a shiny stone.\n",
  "Café 😀 naïve — 你好! Sam the cat",
  "It was raining, and the frog jumped into the pond because",
  'Anna was sad. Her friend Jack came to her house and gave her a ball. They played with it all day long. When it was time to go home, Jack told Anna that he wanted to keep the ball. Anna did not want to give it back, so she hid it under the bed. "Where is the ball?" asked Jack. Anna looked at her feet and',
];

const model = await loadModel(undefined, { tier: "simd" });
const prompts = [];
for (const prompt of PROMPTS) {
  const promptTokens = [...model.tokenizer.encode(prompt)];
  const { text, tokens, finishReason } = await model.generate(promptTokens, { maxTokens: MAX_TOKENS }).result();
  if (finishReason !== "length") throw new Error(`the story ends early, so hosts would need to agree on more than tokens: ${prompt}`);
  prompts.push({ prompt, promptTokens, tokens, text });
}
const file = fileURLToPath(new URL("prompts.json", import.meta.url));
const lines = prompts.map((entry) => `    ${JSON.stringify(entry)}`).join(",\n");
writeFileSync(file, `{\n  "model": "blockffn-nano.q8",\n  "maxTokens": ${MAX_TOKENS},\n  "prompts": [\n${lines}\n  ]\n}\n`);
console.log(`${prompts.length} prompts written to ${file}`);
