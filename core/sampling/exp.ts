const LOG2_E: f64 = 1.4426950408889634;
/** ln 2 in two parts; the first has 21 zero bits at its end, so that k * LN2_HIGH is exact for |k| < 2^21. */
const LN2_HIGH: f64 = 0.69314718036912381649;
const LN2_LOW: f64 = 1.90821492927058770002e-10;
/** Below, e^x rounds to 0; above, to infinity. */
const LOWEST: f64 = -745.1;
const HIGHEST: f64 = 709.78;

const MIN_EXPONENT = -1074;
const MAX_EXPONENT = 1023;
const POWERS: Float64Array = powersOfTwo();

/** 2^k for k from MIN_EXPONENT to MAX_EXPONENT, made by exact halving and doubling. */
function powersOfTwo(): Float64Array {
  const powers = new Float64Array(MAX_EXPONENT - MIN_EXPONENT + 1);
  powers[-MIN_EXPONENT] = 1;
  for (let k = 1; k <= MAX_EXPONENT; k++) powers[k - MIN_EXPONENT] = 2 * powers[k - 1 - MIN_EXPONENT]!;
  for (let k = -1; k >= MIN_EXPONENT; k--) powers[k - MIN_EXPONENT] = 0.5 * powers[k + 1 - MIN_EXPONENT]!;
  return powers;
}

const TERMS = 12;
const INVERSE_FACTORIALS: Float64Array = inverseFactorials();

/** 1/n! for n = 13 down to 2. */
function inverseFactorials(): Float64Array {
  const list = new Float64Array(TERMS);
  let factorial: f64 = 1;
  for (let n = 2; n <= TERMS + 1; n++) {
    factorial *= n;
    list[TERMS + 1 - n] = 1.0 / factorial;
  }
  return list;
}

/**
 * e^x by float64 additions and multiplications alone, so it has the same bits on every host; Math.exp may
 * differ in the last bits. Relative error below 2^-52 (1 ulp) for x >= -708; absolute error below 2^-1073 under that.
 *
 * x = k ln 2 + r with |r| <= ln 2 / 2 (Cody and Waite), e^r by its Taylor series to r^13 (the rest is below 2^-57).
 */
export function exp(x: f64): f64 {
  if (!(x > LOWEST)) return x === x ? 0 : NaN;
  if (x > HIGHEST) return Infinity;
  const k = Math.floor(x * LOG2_E + 0.5);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  let series: f64 = 0;
  for (let i = 0; i < TERMS; i++) series = series * r + INVERSE_FACTORIALS[i]!;
  const value = 1.0 + (r + r * r * series);
  // 2^1024 itself is infinite.
  if (k > MAX_EXPONENT) return value * 2 * POWERS[MAX_EXPONENT - MIN_EXPONENT]!;
  const exponent = (k as i32) - MIN_EXPONENT;
  return value * POWERS[exponent < 0 ? 0 : exponent]!;
}
