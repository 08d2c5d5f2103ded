// What bench/peers takes of this project's sources: bundled into bench/dist/peer-parts.js.
export { nodeHost } from "../host/node/index.ts";
export { packageVersion } from "../host/node/package.ts";
export { createRandom } from "../src/decode/sampling/rng.ts";
export { planWeights } from "../src/architecture/plan.ts";
export { loadModel } from "../src/load/load.ts";
export { loadTokenizer } from "../src/text/load-tokenizer.ts";
export { syntheticModel } from "../synthetic/model.ts";
export { llamaShape, SHAPES } from "../synthetic/shapes.ts";
export { ImposedRouting } from "./modes/imposed.ts";
export { ROUTING } from "./modes/paper.ts";
export { STORY_PROMPTS } from "./modes/prompts.ts";
export { fitRouting, RoutingTrace } from "./modes/routing.ts";
