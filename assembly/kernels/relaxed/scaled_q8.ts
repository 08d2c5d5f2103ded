import { SCALE_BYTES } from "../../../core/layout/matrix";
import { mulAdd } from "../simd/lanes";

/** Sums of weights of four rows. */
// @ts-ignore: decorator
@inline
export function sums4(w: usize, offset: usize): v128 {
  return f32x4.convert_i32x4_s(v128.load_ext<i16>(w + SCALE_BYTES + offset));
}

/** f + (a * step + c * min) * weight scale. */
// @ts-ignore: decorator
@inline
export function scaled(f: v128, a: v128, c: v128, x: usize, s: v128): v128 {
  return mulAdd(f, mulAdd(f32x4.mul(c, v128.load32_splat(x, 4)), f32x4.convert_i32x4_s(a), v128.load32_splat(x)), s);
}
