/** ln 2 in two parts; the first has 21 zero bits at its end, so that k * LN2_HIGH is exact for |k| < 2^21. */
const LN2_HIGH = 0.69314718036912381649;
const LN2_LOW = 1.90821492927058770002e-10;
const SQRT2 = 1.4142135623730951;
/** Smallest number with all its bits. */
const SMALLEST_NORMAL = 2.2250738585072014e-308;
/** Terms s^1 to s^21 of the series: with |s| <= 0.172 the rest is below 2^-58. */
const LAST_TERM = 21;

const view = new DataView(new ArrayBuffer(8));

/**
 * Natural logarithm by float64 arithmetic alone, so it has the same bits in every JavaScript engine; Math.log may differ
 * in the last bits. Relative error below 2^-50. -Infinity for 0, NaN below.
 *
 * x = 2^k m with m from sqrt(1/2) to sqrt(2); ln m = 2 artanh(s) = 2 (s + s^3/3 + s^5/5 + ...) with s = (m - 1) / (m + 1).
 */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : NaN;
  if (x === Infinity) return Infinity;
  const tiny = x < SMALLEST_NORMAL;
  view.setFloat64(0, tiny ? x * 2 ** 54 : x);
  const high = view.getUint32(0);
  let k = (high >>> 20) - 1023 - (tiny ? 54 : 0);
  view.setUint32(0, (high & 0x000f_ffff) | 0x3ff0_0000);
  let m = view.getFloat64(0);
  if (m > SQRT2) {
    m /= 2;
    k++;
  }
  const s = (m - 1) / (m + 1);
  const square = s * s;
  let series = 0;
  for (let n = LAST_TERM; n >= 3; n -= 2) series = (series + 1 / n) * square;
  return k * LN2_HIGH + (k * LN2_LOW + 2 * s * series + 2 * s);
}
