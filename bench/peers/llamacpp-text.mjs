// What llama.cpp says of a GGUF file: node llamacpp-text.mjs < request.json > answer.json, for the tests of GGUF files.
// request: { model, texts: [text], special: bool, prompts: [[id]], steps }; answer: { version, tokens: [[id]], greedy: [[id]] }, `steps`
// greedy ids after each prompt, whatever they are. One thread, the CPU, keys and values in f32.
import { readFileSync } from "node:fs";
import { getLlama } from "node-llama-cpp";
import { packageVersion } from "./packages.mjs";

const { model: path, texts = [], special = true, prompts = [], steps = 0 } = JSON.parse(readFileSync(0, "utf8"));
const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false, logLevel: "error" });
const bindings = llama._bindings;
const model = new bindings.AddonModel(path, { addonExports: bindings, gpuLayers: 0, useMmap: true });
if (!(await model.init())) throw new Error("llama.cpp could not load the model");
const tokens = texts.map((text) => Array.from(model.tokenize(text, special)));
const greedy = [];
if (prompts.length > 0) {
  const contextSize = Math.max(...prompts.map((ids) => ids.length)) + steps + 8;
  const ctx = new bindings.AddonContext(model, {
    contextSize,
    batchSize: contextSize,
    sequences: 1,
    threads: 1,
    flashAttention: false,
    kvCacheKeyType: 0,
    kvCacheValueType: 0,
  });
  if (!(await ctx.init())) throw new Error("llama.cpp could not make a context");
  const sampler = new bindings.AddonSampler(model);
  sampler.applyConfig({ temperature: 0 });
  const evaluate = async (ids, position) => {
    ctx.initBatch(ids.length);
    const [logits] = ctx.addToBatch(0, position, Uint32Array.from(ids), Uint32Array.of(ids.length - 1));
    await ctx.decodeBatch();
    return logits;
  };
  for (const prompt of prompts) {
    ctx.disposeSequence(0);
    let logits = await evaluate(prompt, 0);
    const ids = [];
    for (let i = 0; i < steps; i++) {
      ids.push(await ctx.sampleToken(logits, sampler));
      logits = await evaluate(ids.slice(-1), prompt.length + i);
    }
    greedy.push(ids);
  }
}
process.stdout.write(JSON.stringify({ version: packageVersion("node-llama-cpp"), tokens, greedy }), () => process.exit(0));
