// Sparse models of the same size as a dense shape, for the comparison of sparse decoding with dense peers.
import {
  createRandom,
  fitRouting,
  ImposedRouting,
  loadModel,
  loadTokenizer,
  nodeHost,
  ROUTING,
  RoutingTrace,
  SHAPES,
  STORY_PROMPTS,
  syntheticModel,
} from "../dist/peer-parts.js";

/** The sparse shape with as many weights as a dense one. */
const TWINS = { "9M": "nano", "0.5B-total": "Medium-32k" };

/**
 * A sparse model for a dense shape: `path`'s, fed with story text; or synthetic weights whose experts follow a trace with the
 * shape's known sparsity (the engine really skips the others). Resolves to the model; `words(ids)`, the prompt to use for given ids;
 * and `route(rows)`, which draws the routing of chunks of so many rows ahead and gives for each what puts it in force.
 */
export async function sparseTwin({ shapeName, typeName, tier, threads, path }) {
  if (path !== undefined) {
    const model = await loadModel(nodeHost, path, { tier, threads });
    if (model.quantization !== typeName) throw new Error(`${path} is packed as ${model.quantization}, not ${typeName}`);
    const story = Array.from(loadTokenizer(model.tokenizerJson, path).encode(STORY_PROMPTS.map(({ turns }) => turns[0]).join("\n")));
    return { model, notes: { sparse: path }, words: (ids) => ids.map((_, i) => story[i % story.length]), route: () => [] };
  }
  const name = TWINS[shapeName];
  if (name === undefined) throw new Error(`no sparse model is known for the shape ${shapeName}; known: ${Object.keys(TWINS).join(", ")}`);
  const config = SHAPES[name];
  const model = await syntheticModel(nodeHost, config, typeName, tier, threads);
  const imposed = new ImposedRouting(model);
  const trace = new RoutingTrace(fitRouting(config.ffn.experts, ROUTING[name]), config.layers, createRandom(5));
  const route = (rows) =>
    rows.map((n) => {
      const masks = trace.draw(Array.from({ length: n }, (_, i) => i - 1));
      trace.keep(n - 1);
      return () => imposed.set(masks);
    });
  return { model, notes: { sparse: `${name}, synthetic weights, simulated routing`, routing: ROUTING[name] }, words: (ids) => ids, route };
}
