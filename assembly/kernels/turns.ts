import { Product } from "./product";
import { matmulsQ4 as relaxedMatmulsQ4 } from "./relaxed/turns_q4";

/** Whether the tier has `matmulsQ4`: `relaxed` only, whose products wait for memory most. */
// @ts-ignore: decorator
@inline
export function hasMatmulsQ4(): bool {
  return ASC_FEATURE_RELAXED_SIMD;
}

/** Two products with q4 weights, their matrices read in turns. */
export function matmulsQ4(a: Product, b: Product): void {
  if (ASC_FEATURE_RELAXED_SIMD) relaxedMatmulsQ4(a, b);
}
