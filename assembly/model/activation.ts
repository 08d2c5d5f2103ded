import { ACTIVATION_GELU, ACTIVATION_RELU, ACTIVATION_RELU_SQUARED, ACTIVATION_SIGMOID, ACTIVATION_SILU } from "../../core/layout/kinds";
import { exp } from "../kernels/math";

/** An activation function of core/layout/kinds.ts. */
export function activation(kind: i32, x: f32): f32 {
  if (kind === ACTIVATION_SILU) return x / (<f32>1 + exp(-x));
  if (kind === ACTIVATION_RELU) return max<f32>(x, 0);
  if (kind === ACTIVATION_RELU_SQUARED) return max<f32>(x, 0) * max<f32>(x, 0);
  if (kind === ACTIVATION_SIGMOID) return <f32>1 / (<f32>1 + exp(-x));
  return kind === ACTIVATION_GELU ? gelu(x) : x;
}

/** x times the share of a normal distribution below x, with erf by Abramowitz and Stegun 7.1.26 (absolute error below 1.5e-7). */
function gelu(x: f32): f32 {
  const z = abs<f32>(x) * <f32>0.70710678;
  const t = <f32>1 / (<f32>1 + <f32>0.3275911 * z);
  const series = t * (<f32>0.254829592 + t * (<f32>-0.284496736 + t * (<f32>1.421413741 + t * (<f32>-1.453152027 + t * <f32>1.061405429))));
  const tail = <f32>0.5 * series * exp(-z * z);
  return x * (x < 0 ? tail : <f32>1 - tail);
}
