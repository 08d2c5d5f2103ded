// One sample of `bench compare`: loads a model with the build of a checkout and times loading, prefill and decoding in this young process.
// Plain JavaScript beside any checkout's dist/lib: node compare-child.mjs ROOT MODEL TIER PREFILL DECODE
import { pathToFileURL } from "node:url";

const [root, file, tier, prefill, decode] = process.argv.slice(2);
const { loadModel } = await import(pathToFileURL(`${root}/dist/lib/node.js`).href);
const start = performance.now();
const model = await loadModel(file, { tier, threads: 1 });
const loadMs = performance.now() - start;
const vocabulary = (model.config ?? model.loaded.config).vocabSize;
// The same tokens for both sides, spread over the vocabulary.
const prompt = Array.from({ length: Number(prefill) }, (_, i) => (i * 7919 + 13) % vocabulary);
const options = { maxTokens: Number(decode), ignoreEos: true, speculate: "off" };
// The first answer compiles.
await model.generate(prompt.slice(0, 8), options).result();
const { prefillMs, decodeTokensPerSecond } = await model.generate(prompt, options).result();
model.dispose();
process.stdout.write(JSON.stringify({ load: loadMs, prefill: prefillMs, decode: 1000 / decodeTokensPerSecond }));
