/**
 * Balance without a loss (L. Wang et al., arXiv 2408.15664, with the sign rule that DECO's code has): b -= rate * sign(load - mean load),
 * in place, so that experts with more tokens than the mean are taken away more often.
 * @param load tokens of the step that used each expert
 */
export function updateExpertBias(bias: Float32Array, load: ArrayLike<number>, rate: number): void {
  let total = 0;
  for (let e = 0; e < bias.length; e++) total += load[e]!;
  // Both sides times the number of experts: exact in whole numbers.
  for (let e = 0; e < bias.length; e++) bias[e] = bias[e]! - rate * Math.sign(load[e]! * bias.length - total);
}
