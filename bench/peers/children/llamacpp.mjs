// Native llama.cpp through node-llama-cpp's own binding classes, so that exactly the asked tokens are evaluated.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { getLlama } from "node-llama-cpp";
import { ggufFile } from "../gguf.mjs";
import { packageVersion } from "../packages.mjs";
import { serve } from "./protocol.mjs";

/** The CPU variants of ggml that this process has mapped (the binding loads the best for the machine). */
function loadedVariants() {
  const maps = readFileSync("/proc/self/maps", "utf8");
  return [...new Set(maps.match(/\S*libggml-cpu[^\s/]*/g) ?? [])].map((path) => basename(path));
}

async function load({ shapeName, typeName, threads, context }) {
  const llama = await getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false, logLevel: "warn" });
  const bindings = llama._bindings;
  const model = new bindings.AddonModel(ggufFile(shapeName, typeName), { addonExports: bindings, gpuLayers: 0, useMmap: true });
  if (!(await model.init())) throw new Error("llama.cpp could not load the model");
  const ctx = new bindings.AddonContext(model, { contextSize: context, batchSize: context, sequences: 1, threads, flashAttention: "auto" });
  if (!(await ctx.init())) throw new Error("llama.cpp could not make a context");
  const sampler = new bindings.AddonSampler(model);
  sampler.applyConfig({ temperature: 0 });

  /** Evaluates `ids` at `position`; resolves to the index of the last token's logits. */
  const evaluate = async (ids, position) => {
    ctx.initBatch(ids.length);
    const [logits] = ctx.addToBatch(0, position, Uint32Array.from(ids), Uint32Array.of(ids.length - 1));
    await ctx.decodeBatch();
    return logits;
  };
  return {
    version: packageVersion("node-llama-cpp"),
    notes: { cpu: loadedVariants(), threads: ctx.getThreads(), system: llama.systemInfo },
    async prefill(ids) {
      ctx.disposeSequence(0);
      const start = performance.now();
      await evaluate(ids, 0);
      return performance.now() - start;
    },
    async decode(prompt, steps) {
      ctx.disposeSequence(0);
      let logits = await evaluate(prompt, 0);
      const ids = [];
      const start = performance.now();
      for (let i = 0; i < steps; i++) {
        ids.push(await ctx.sampleToken(logits, sampler));
        logits = await evaluate(ids.slice(-1), prompt.length + i);
      }
      return { ms: performance.now() - start, ids };
    },
    close: () => llama.dispose(),
  };
}

await serve("llamacpp", load);
