// This project's engine on the same shapes, from the build in dist/ (npm run build).
import { nodeHost } from "../../../dist/host/node/index.js";
import { SHAPES } from "../../../dist/bench/shapes.js";
import { syntheticModel } from "../../../dist/bench/synthetic.js";
import { packageVersion } from "../../../dist/host/node/package.js";
import { serve } from "./protocol.mjs";

async function load({ shapeName, typeName, threads, context, options }) {
  const tier = options.tier ?? "simd";
  const model = await syntheticModel(nodeHost, SHAPES[shapeName], typeName, tier, threads);
  const feed = (sequence, ids) => {
    let result;
    for (let at = 0; at < ids.length; at += model.maxChunk) {
      const chunk = ids.slice(at, at + model.maxChunk);
      result = sequence.forward(chunk, { logits: at + chunk.length === ids.length ? "last" : "none" });
    }
    return result;
  };
  return {
    version: packageVersion(),
    notes: { tier, weightBytes: model.plan.bytes, node: process.version },
    prefill(ids) {
      const sequence = model.newSequence({ capacity: context });
      const start = performance.now();
      feed(sequence, ids);
      const ms = performance.now() - start;
      sequence.dispose();
      return ms;
    },
    decode(prompt, steps) {
      const sequence = model.newSequence({ capacity: context });
      let result = feed(sequence, prompt);
      const ids = [];
      const start = performance.now();
      for (let i = 0; i < steps; i++) {
        ids.push(result.argmax(0));
        result = sequence.forward(ids.slice(-1));
      }
      const ms = performance.now() - start;
      sequence.dispose();
      return { ms, ids };
    },
    close: () => model.dispose(),
  };
}

await serve("blockffn", load);
