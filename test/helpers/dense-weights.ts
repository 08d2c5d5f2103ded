import { tinyTensors, type ConfigJson } from "./tiny-checkpoint.ts";

/** Weights of a model, by name: those that test/reference/dense_models.py makes. */
export function denseWeights(config: ConfigJson): Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }> {
  let state = 12345;
  const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1;
  const tensors = tinyTensors(config).sort((a, b) => (a.name < b.name ? -1 : 1));
  return new Map(
    tensors.map(({ name, shape }) => {
      const [offset, scale] = name.endsWith("norm.weight") ? [1, 0.25] : [0, 0.3];
      return [name, { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => offset + scale * random()) }];
    }),
  );
}
