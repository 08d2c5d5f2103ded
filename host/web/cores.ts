/**
 * Cores to compute on, where a runtime tells its logical processors only: half of them, for two may share one core's arithmetic, and those
 * that do not are often slow ones (phones); both of two. Who knows better says `threads`.
 */
export function likelyCores(): number {
  const logical = globalThis.navigator?.hardwareConcurrency ?? 1;
  return Math.max(Math.min(2, logical), Math.floor(logical / 2));
}
