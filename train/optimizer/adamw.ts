export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** A part of the flat weights with a learning rate of its own. */
export interface ParameterGroup {
  readonly offset: number;
  readonly length: number;
  /** Multiplies the learning rate (muP). */
  readonly rate: number;
  readonly decays: boolean;
}

/** Adam's moments of all weights. */
export interface Moments {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

/**
 * One step of AdamW (I. Loshchilov, F. Hutter, arXiv 1711.05101, decay times the learning rate as in PyTorch), in place.
 * @param step from 1
 * @param scale multiplies the gradients (clipping)
 */
export function adamW(
  weights: Float32Array,
  gradients: Float32Array,
  moments: Moments,
  groups: readonly ParameterGroup[],
  learningRate: number,
  step: number,
  scale: number,
  options: AdamWOptions,
): void {
  const { beta1, beta2, epsilon, weightDecay } = options;
  const { first, second } = moments;
  const correction1 = 1 - beta1 ** step;
  const correction2 = Math.sqrt(1 - beta2 ** step);
  for (const { offset, length, rate, decays } of groups) {
    const size = (learningRate * rate) / correction1;
    const keep = decays ? 1 - learningRate * rate * weightDecay : 1;
    for (let i = offset; i < offset + length; i++) {
      const gradient = gradients[i]! * scale;
      const m = beta1 * first[i]! + (1 - beta1) * gradient;
      const v = beta2 * second[i]! + (1 - beta2) * gradient * gradient;
      first[i] = m;
      second[i] = v;
      weights[i] = weights[i]! * keep - (size * m) / (Math.sqrt(v) / correction2 + epsilon);
    }
  }
}

/** Euclidean norm; NaN or Infinity when a value is. */
export function norm(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return Math.sqrt(sum);
}
