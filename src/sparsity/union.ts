import { countBits } from "./bits.ts";

/**
 * Experts that at least one row of a chunk activates, added up over the layers.
 * @param mask active experts `[layers][rows][words]`, as `ForwardResult.activeExperts` has them
 */
export function countUniqueExperts(mask: Uint32Array, layers: number, rows: number): number {
  const words = mask.length / (layers * rows);
  let count = 0;
  for (let layer = 0; layer < layers; layer++) {
    for (let w = 0; w < words; w++) {
      let union = 0;
      for (let row = 0; row < rows; row++) union |= mask[(layer * rows + row) * words + w]!;
      count += countBits(union);
    }
  }
  return count;
}
