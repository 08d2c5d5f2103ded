// Four products of bytes and their sum, added to a lane: `i32x4.relaxed_dot_i8x16_i7x16_add_s`. The second operand must lie in 0..127 in
// each byte: then every machine gives the same exact result, whether it multiplies signed or unsigned bytes.

/** a + sums of four products: `s` signed bytes, `u` bytes in 0..127. */
// @ts-ignore: decorator
@inline
export function dot4(a: v128, s: v128, u: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(s, u, a);
}
