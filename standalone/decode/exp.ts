// Mirrors src/decode/sampling/exp.ts operation by operation, so that both give the same bits.

const LOG2_E: f64 = 1.4426950408889634;
const LN2_HIGH: f64 = 0.693147180369123816490;
const LN2_LOW: f64 = 1.90821492927058770002e-10;
const LOWEST: f64 = -745.1;
const HIGHEST: f64 = 709.78;

/** 1/n! for n = 13 down to 2. */
const INVERSE_FACTORIALS = new StaticArray<f64>(12);
let factorial: f64 = 1;
for (let n = 2; n <= 13; n++) {
  factorial *= <f64>n;
  INVERSE_FACTORIALS[13 - n] = 1.0 / factorial;
}

/** 2^k for k from -1074 to 1023. */
function powerOfTwo(k: i32): f64 {
  if (k >= -1022) return reinterpret<f64>(<u64>(k + 1023) << 52);
  return reinterpret<f64>(<u64>1 << <u64>(k + 1074));
}

/** e^x; see src/decode/sampling/exp.ts for the method and its error. */
export function exp64(x: f64): f64 {
  if (!(x > LOWEST)) return x === x ? 0 : NaN;
  if (x > HIGHEST) return Infinity;
  const k = Math.floor(x * LOG2_E + 0.5);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  let series: f64 = 0;
  for (let i = 0; i < 12; i++) series = series * r + INVERSE_FACTORIALS[i];
  const value: f64 = 1.0 + (r + r * r * series);
  if (k > 1023) return value * 2.0 * powerOfTwo(1023);
  return value * powerOfTwo(max(<i32>k, -1074));
}
