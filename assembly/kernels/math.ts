// exp by our own arithmetic, so that every host gives the same bits. The SIMD form does the same operations lane by lane.
// Method: x = n ln 2 + r, |r| <= ln 2 / 2, e^r by the degree-6 polynomial of Cephes expf (S. L. Moshier, Cephes Math Library 2.2);
// relative error below 2e-7 on [-87, 88].

// @ts-ignore: decorator
@inline const LOG2E: f32 = 1.44269504088896341;
// @ts-ignore: decorator
@inline const LN2_HI: f32 = 0.693359375;
// @ts-ignore: decorator
@inline const LN2_LO: f32 = -2.1219444e-4;
// @ts-ignore: decorator
@inline const EXP_MIN: f32 = -87.0;
// @ts-ignore: decorator
@inline const EXP_MAX: f32 = 88.0;
// @ts-ignore: decorator
@inline const P0: f32 = 1.98756915e-4;
// @ts-ignore: decorator
@inline const P1: f32 = 1.3981999507e-3;
// @ts-ignore: decorator
@inline const P2: f32 = 8.3334519073e-3;
// @ts-ignore: decorator
@inline const P3: f32 = 4.1665795894e-2;
// @ts-ignore: decorator
@inline const P4: f32 = 1.6666665459e-1;
// @ts-ignore: decorator
@inline const P5: f32 = 5.0000001201e-1;

/**
 * A softmax term this far below the largest is lost in any f32 sum that holds the largest. Making it 0 keeps products with it from
 * becoming denormal, which x86 computes a hundred times slower (measured: half of the default model's decoding time).
 */
// @ts-ignore: decorator
@inline export const SOFTMAX_FLOOR: f32 = -60.0;

/** e^x; x is clamped to [-87, 88], NaN stays NaN. */
export function exp(x: f32): f32 {
  x = min<f32>(max<f32>(x, EXP_MIN), EXP_MAX);
  const n = nearest<f32>(x * LOG2E);
  const r = x - n * LN2_HI - n * LN2_LO;
  const z = r * r;
  let p = P0 * r + P1;
  p = p * r + P2;
  p = p * r + P3;
  p = p * r + P4;
  p = p * r + P5;
  p = p * z + r + <f32>1.0;
  return p * reinterpret<f32>((<i32>n + 127) << 23);
}

// 1.5 * 2^23: adding it leaves the nearest integer (ties to even) in the low bits of a float, for |x| < 2^22.
// @ts-ignore: decorator
@inline const MAGIC: f32 = 12582912.0;

// Loaded, not written as constants: see simd/constants.ts.
const table = memory.data<f32>([LOG2E, LN2_HI, LN2_LO, EXP_MIN, EXP_MAX, P0, P1, P2, P3, P4, P5, 1.0, MAGIC, SOFTMAX_FLOOR]);

// @ts-ignore: decorator
@inline
function loaded(index: usize): v128 {
  return v128.load32_splat(table + (index << 2));
}

/** Four e^x at once, the same bits as `exp`. */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  // pmin and pmax keep a NaN that is their first operand.
  x = f32x4.pmin(f32x4.pmax(x, loaded(3)), loaded(4));
  const magic = loaded(12);
  const shifted = f32x4.add(f32x4.mul(x, loaded(0)), magic);
  const n = f32x4.sub(shifted, magic);
  const r = f32x4.sub(f32x4.sub(x, f32x4.mul(n, loaded(1))), f32x4.mul(n, loaded(2)));
  const z = f32x4.mul(r, r);
  let p = f32x4.add(f32x4.mul(loaded(5), r), loaded(6));
  p = f32x4.add(f32x4.mul(p, r), loaded(7));
  p = f32x4.add(f32x4.mul(p, r), loaded(8));
  p = f32x4.add(f32x4.mul(p, r), loaded(9));
  p = f32x4.add(f32x4.mul(p, r), loaded(10));
  const one = loaded(11);
  p = f32x4.add(f32x4.add(f32x4.mul(p, z), r), one);
  // 2^n: the integer n from the low bits of `shifted`, added to the exponent of 1.
  return f32x4.mul(p, i32x4.add(i32x4.shl(i32x4.sub(shifted, magic), 23), one));
}

/** SOFTMAX_FLOOR in four lanes. */
// @ts-ignore: decorator
@inline
export function softmaxFloor(): v128 {
  return loaded(13);
}
