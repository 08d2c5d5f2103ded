// Decimal numbers as JavaScript reads them, correctly rounded. The language's own parseFloat may be one unit off in the last
// place; its answer is corrected by comparing exactly with the middles between neighbours (D. Gay, "Correctly rounded
// binary-decimal and decimal-binary conversions", 1990, the method of his strtod).

/** Numbers that are corrected have an exponent of ten in this range; far more than a configuration or an option needs. */
const MAX_EXPONENT: i32 = 290;
const LIMBS: i32 = 80;

/** A number as its text has it: digits * 10^exponent. */
let digits: u64 = 0;
let exponent: i32 = 0;

/** The value of a JSON number; NaN when it is none. */
export function parseDecimal(text: string): f64 {
  const near = parseFloat(text);
  if (!isFinite(near) || near === 0 || !split(text) || exponent < -MAX_EXPONENT || exponent > MAX_EXPONENT) return near;
  const size = correct(Math.abs(near));
  return near < 0 ? -size : size;
}

/** Fills `digits` and `exponent`; false when there are more than 19 digits. */
function split(text: string): bool {
  digits = 0;
  exponent = 0;
  let count = 0;
  let point = false;
  let i = 0;
  for (; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x2e) point = true;
    else if (c >= 0x30 && c <= 0x39) {
      if (count > 0 || c !== 0x30) count++;
      if (count > 19) return false;
      digits = digits * 10 + (c - 0x30);
      if (point) exponent--;
    } else if ((c | 0x20) === 0x65) break;
  }
  if (i < text.length) exponent += <i32>parseFloat(text.slice(i + 1));
  return true;
}

/** The double nearest to digits * 10^exponent, from one that is close; ties to even. */
function correct(near: f64): f64 {
  let bits = reinterpret<u64>(near);
  for (let step = 0; step < 4; step++) {
    const above = compareWithMiddle(bits);
    if (above > 0 || (above === 0 && (bits & 1) === 1)) {
      bits++;
      continue;
    }
    const below = compareWithMiddle(bits - 1);
    if (below > 0 || (below === 0 && (bits & 1) === 0)) break;
    bits--;
  }
  return reinterpret<f64>(bits);
}

/** Sign of the number less the middle between a double and the next one. */
function compareWithMiddle(bits: u64): i32 {
  const mantissa = (bits & 0xfffffffffffff) | 0x10000000000000;
  // The middle is (2 mantissa + 1) * 2^power.
  const power = <i32>(bits >> 52) - 1023 - 52 - 1;
  const left = start(digits);
  const right = start(2 * mantissa + 1);
  timesTen(exponent > 0 ? left : right, abs(exponent));
  shift(power < 0 ? left : right, abs(power));
  for (let i = LIMBS - 1; i >= 0; i--) {
    if (left[i] !== right[i]) return left[i] > right[i] ? 1 : -1;
  }
  return 0;
}

/** A long number, its lowest 32 bits first. */
function start(value: u64): StaticArray<u32> {
  const number = new StaticArray<u32>(LIMBS);
  number[0] = <u32>value;
  number[1] = <u32>(value >> 32);
  return number;
}

function timesTen(number: StaticArray<u32>, times: i32): void {
  for (let t = 0; t < times; t++) multiply(number, 10);
}

function shift(number: StaticArray<u32>, bits: i32): void {
  for (; bits >= 16; bits -= 16) multiply(number, 65536);
  multiply(number, 1 << bits);
}

function multiply(number: StaticArray<u32>, factor: u32): void {
  let carry: u64 = 0;
  for (let i = 0; i < LIMBS; i++) {
    carry += <u64>number[i] * factor;
    number[i] = <u32>carry;
    carry >>= 32;
  }
}
