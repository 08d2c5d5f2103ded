import { mulAdd } from "../simd/lanes";
import { ADD, store4 } from "./store";

/** f + a * weight scale * activation scale. */
// @ts-ignore: decorator
@inline
export function scaled(f: v128, a: v128, s: v128, x: v128): v128 {
  return mulAdd(f, f32x4.mul(f32x4.convert_i32x4_s(a), x), s);
}

/** `scaled` for a sum in memory. */
// @ts-ignore: decorator
@inline
export function addScaled(sums: usize, offset: usize, a: v128, s: v128, x: v128): void {
  v128.store(sums + offset, scaled(v128.load(sums + offset), a, s, x));
}

/** Stores or adds sixteen finished rows. */
// @ts-ignore: decorator
@inline
export function storeSums(y: usize, sums: usize, ending: i32): void {
  store4(y, v128.load(sums), v128.load(sums, 16), v128.load(sums, 32), v128.load(sums, 48), ending === ADD);
}
