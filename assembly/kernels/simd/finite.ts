import { finiteFloats as finiteFloatsScalar } from "../scalar/finite";

// SIMD forms of scalar/finite.ts: the same answers.

/** See scalar/finite.ts. */
export function finiteFloats(p: usize, count: i32): i32 {
  const whole = p + ((<usize>(count & ~15)) << 2);
  const exponent = i32x4.splat(0x7f800000);
  let bad = i32x4.splat(0);
  for (; p < whole; p += 64) {
    const a = v128.or(allOnes(v128.load(p), exponent), allOnes(v128.load(p, 16), exponent));
    const b = v128.or(allOnes(v128.load(p, 32), exponent), allOnes(v128.load(p, 48), exponent));
    bad = v128.or(bad, v128.or(a, b));
  }
  if (v128.any_true(bad)) return 0;
  return finiteFloatsScalar(p, count & 15);
}

// @ts-ignore: decorator
@inline
function allOnes(bits: v128, exponent: v128): v128 {
  return i32x4.eq(v128.and(bits, exponent), exponent);
}

/** See scalar/finite.ts. */
export function finiteScales(p: usize, panels: i32, panelBytes: usize, groups: i32, groupBytes: usize): i32 {
  const exponent = i16x8.splat(0x7f80);
  let bad = i32x4.splat(0);
  for (let panel = 0; panel < panels; panel++) {
    let at = p;
    for (let g = 0; g < groups; g++) {
      const a = i16x8.eq(v128.and(v128.load(at), exponent), exponent);
      const b = i16x8.eq(v128.and(v128.load(at, 16), exponent), exponent);
      bad = v128.or(bad, v128.or(a, b));
      at += groupBytes;
    }
    p += panelBytes;
  }
  return i32(!v128.any_true(bad));
}
