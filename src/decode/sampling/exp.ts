const LOG2_E = 1.4426950408889634;
/** ln 2 in two parts; the first has 21 zero bits at its end, so that k * LN2_HIGH is exact for |k| < 2^21. */
const LN2_HIGH = 0.693147180369123816490;
const LN2_LOW = 1.90821492927058770002e-10;
/** Below, e^x rounds to 0; above, to infinity. */
const LOWEST = -745.1;
const HIGHEST = 709.78;

/** 2^k for k from -1074 to 1023, made by exact halving and doubling. */
const MIN_EXPONENT = -1074;
const POWERS = new Float64Array(1023 - MIN_EXPONENT + 1);
POWERS[-MIN_EXPONENT] = 1;
for (let k = 1; k <= 1023; k++) POWERS[k - MIN_EXPONENT] = 2 * POWERS[k - 1 - MIN_EXPONENT]!;
for (let k = -1; k >= MIN_EXPONENT; k--) POWERS[k - MIN_EXPONENT] = 0.5 * POWERS[k + 1 - MIN_EXPONENT]!;

/** 1/n! for n = 13 down to 2. */
const INVERSE_FACTORIALS: readonly number[] = (() => {
  const list: number[] = [];
  let factorial = 1;
  for (let n = 2; n <= 13; n++) list.unshift(1 / (factorial *= n));
  return list;
})();

/**
 * e^x by float64 additions and multiplications alone, so it has the same bits in every JavaScript engine; Math.exp may
 * differ in the last bits. Relative error below 2^-52 (1 ulp) for x >= -708; absolute error below 2^-1073 under that.
 *
 * x = k ln 2 + r with |r| <= ln 2 / 2 (Cody and Waite), e^r by its Taylor series to r^13 (the rest is below 2^-57).
 */
export function exp(x: number): number {
  if (!(x > LOWEST)) return x === x ? 0 : NaN;
  if (x > HIGHEST) return Infinity;
  const k = Math.floor(x * LOG2_E + 0.5);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  let series = 0;
  for (const term of INVERSE_FACTORIALS) series = series * r + term;
  const value = 1 + (r + r * r * series);
  // 2^1024 itself is infinite.
  if (k > 1023) return value * 2 * POWERS[1023 - MIN_EXPONENT]!;
  return value * POWERS[Math.max(k, MIN_EXPONENT) - MIN_EXPONENT]!;
}
