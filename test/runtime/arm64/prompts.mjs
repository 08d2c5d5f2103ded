// Started by arm64.test.ts on Node for arm64, with the built library: greedy ids of prompts, as JSON.
import { loadModel } from "../../../dist/lib/node.js";

const { maxTokens, prompts } = JSON.parse(process.argv[2]);
const model = await loadModel(undefined, { tier: "simd" });
const tokens = [];
for (const prompt of prompts) tokens.push((await model.generate(prompt, { maxTokens }).result()).tokens);
console.log(JSON.stringify({ arch: process.arch, tokens }));
