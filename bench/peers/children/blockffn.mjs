// This project's engine on the same shapes, from the build in dist/ (npm run build). With ?ffn=sparse a sparse model of equal
// size: synthetic weights and a routing trace, or with ?model=PATH a real one.
import { sparseTwin } from "../sparse.mjs";
import { serve } from "./protocol.mjs";
import { nodeHost, packageVersion, SHAPES, syntheticModel } from "../../dist/peer-parts.js";

async function load({ shapeName, typeName, threads, context, options }) {
  const tier = options.tier ?? "simd";
  const sparse = options.ffn === "sparse" || options.model !== undefined;
  const { model, notes, words, route } = sparse
    ? await sparseTwin({ shapeName, typeName, tier, threads, path: options.model })
    : {
        model: await syntheticModel(nodeHost, SHAPES[shapeName], typeName, tier, threads),
        notes: {},
        words: (ids) => ids,
        route: () => [],
      };
  // As `generate` takes a prompt.
  const most = Math.min(64, model.maxChunk);
  const chunks = (ids) => Array.from({ length: Math.ceil(ids.length / most) }, (_, i) => ids.slice(i * most, (i + 1) * most));
  const feed = (sequence, parts, routing) => {
    let result;
    parts.forEach((chunk, i) => {
      routing[i]?.();
      result = sequence.forward(chunk, { logits: i === parts.length - 1 ? "last" : "none" });
    });
    return result;
  };
  return {
    version: packageVersion(),
    notes: { tier, weightBytes: model.plan.bytes, node: process.version, ...notes },
    prefill(ids) {
      const sequence = model.newSequence({ capacity: context });
      const parts = chunks(words(ids));
      const routing = route(parts.map((chunk) => chunk.length));
      const start = performance.now();
      feed(sequence, parts, routing);
      const ms = performance.now() - start;
      sequence.dispose();
      return ms;
    },
    decode(prompt, steps) {
      const sequence = model.newSequence({ capacity: context });
      const parts = chunks(words(prompt));
      let result = feed(sequence, parts, route(parts.map((chunk) => chunk.length)));
      const routing = route(Array.from({ length: steps }, () => 1));
      const ids = [];
      const start = performance.now();
      for (let i = 0; i < steps; i++) {
        ids.push(result.argmax(0));
        routing[i]?.();
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
