// The engine's exports. Nothing here knows files, text or JavaScript; the host lays out memory as layout.ts says.

export { forward } from "./model/forward";
export { compact } from "./model/cache";
export { eagleForward, logSoftmaxTopK } from "./model/eagle";
export { gatherRows } from "./model/gather";
export { ffnBranch } from "./model/probe";
export { ropeFrequencies } from "./model/rope_table";
export { matrixBytes } from "./model/matrix";
export {
  addScaled, argmax, attentionMix, attentionScores, finiteFloats, finiteScales, matmulF32, matmulQ4, matmulQ8, quantizeQ4, quantizeQ8, rmsNorm,
  rope, scale, selfCheck, setReadAhead, siluMul, siluScale, softmax, topK,
} from "./kernels";
export { exp } from "./kernels/math";
import { LAYOUT_VERSION } from "./layout";

/** First byte that the host may use. */
export function heapBase(): usize {
  return __heap_base;
}

/** The layout that this engine was compiled with. */
export function layoutVersion(): i32 {
  return LAYOUT_VERSION;
}
