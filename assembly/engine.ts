// The engine's exports. Nothing here knows files, text or JavaScript; the host lays out memory as core/layout/ says.

export { eagleForward, ffnBranch, forward, stop, worker } from "./model/job";
export { fail, team } from "./team";
export { compact } from "./model/cache";
export { logSoftmaxTopK } from "./model/eagle";
export { gatherRows } from "./model/gather";
export { ropeFrequencies } from "./model/rope_table";
export { matrixBytes } from "./model/matrix";
export { checksum, checksumStripes } from "./kernels/scalar/checksum";
export * from "./kernels";
export { exp } from "./kernels/math";
import { DESCRIPTOR_VERSION } from "../core/layout/model";
import { teamEnd } from "./team";

/** First byte that the host may use. */
export function heapBase(): usize {
  return teamEnd();
}

/** The descriptors that this engine was compiled with. */
export function layoutVersion(): i32 {
  return DESCRIPTOR_VERSION;
}
