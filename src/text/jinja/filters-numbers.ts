import type { Filter } from "./filter.ts";
import { JinjaError } from "./errors.ts";
import { strip } from "./strings.ts";
import { defined, Float, int, numeric, typeName, type Value } from "./values.ts";

const FLOAT = /^[-+]?(?:(?:\d+(?:_\d+)*)(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][-+]?\d+(?:_\d+)*)?$/;
const NAMED_FLOAT = /^([-+]?)(inf|infinity|nan)$/i;

/** Python's `float(text)`; undefined where it fails. */
function parseFloatText(text: string): number | undefined {
  const plain = strip(text, null, true, true);
  const named = NAMED_FLOAT.exec(plain);
  if (named !== null) return (named[1] === "-" ? -1 : 1) * (named[2]!.toLowerCase() === "nan" ? NaN : Infinity);
  return FLOAT.test(plain) ? Number(plain.replaceAll("_", "")) : undefined;
}

/** Python's `int(text, base)`; undefined where it fails. */
function parseIntText(text: string, base: number): number | undefined {
  const plain = strip(text, null, true, true).toLowerCase();
  const [, sign, prefix, digits] = /^([-+]?)(0[xob])?_?([0-9a-z]+(?:_[0-9a-z]+)*)$/.exec(plain) ?? [];
  if (digits === undefined) return undefined;
  const named = prefix === undefined ? undefined : { "0x": 16, "0o": 8, "0b": 2 }[prefix];
  const whole = named !== undefined && named !== base && base !== 0 ? prefix! + digits : digits;
  const radix = base === 0 ? (named ?? 10) : base;
  const plainDigits = whole.replaceAll("_", "");
  if (![...plainDigits].every((digit) => parseInt(digit, 36) < radix)) return undefined;
  return int((sign === "-" ? -1 : 1) * parseInt(plainDigits, radix));
}

function toInt(value: Value, otherwise: Value, base: number): Value {
  if (typeof value === "string") {
    const whole = parseIntText(value, base);
    if (whole !== undefined) return whole;
    const float = parseFloatText(value);
    return float !== undefined && Number.isFinite(float) ? int(Math.trunc(float)) : otherwise;
  }
  const number = numeric(value);
  return number === undefined || !Number.isFinite(number) ? otherwise : int(Math.trunc(number));
}

/** To the even neighbour where two are equally near, as Python's `round`. */
function roundHalfEven(value: number, digits: number): number {
  if (digits === 0 && Math.abs(value) < 2 ** 52) {
    const down = Math.floor(value);
    const rest = value - down;
    return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
  }
  if (digits > 0 && digits <= 100) return Number(value.toFixed(digits));
  const scale = 10 ** -digits;
  return roundHalfEven(value / scale, 0) * scale;
}

/** Filters that give numbers. */
export const NUMBER_FILTERS: Readonly<Record<string, Filter>> = {
  abs: [
    "",
    (value) => {
      const number = numeric(defined(value));
      if (number === undefined) throw new JinjaError(`TypeError: bad operand type for abs(): '${typeName(value)}'`);
      return value instanceof Float ? new Float(Math.abs(number)) : Math.abs(number);
    },
  ],
  int: ["default base", (value, args) => toInt(value, args.value("default", 0), args.int("base", 10))],
  float: [
    "default",
    (value, args) => {
      const number = typeof value === "string" ? parseFloatText(value) : numeric(value);
      const otherwise = args.value("default", new Float(0));
      return number === undefined ? otherwise : new Float(number);
    },
  ],
  round: [
    "precision method",
    (value, args) => {
      const number = numeric(defined(value));
      const precision = args.int("precision", 0);
      const method = args.text("method", "common");
      if (number === undefined) throw new JinjaError(`TypeError: type ${typeName(value)} doesn't define __round__ method`);
      if (method === "common") {
        const rounded = roundHalfEven(number, precision);
        return value instanceof Float ? new Float(rounded) : int(rounded);
      }
      if (method !== "ceil" && method !== "floor") throw new JinjaError("FilterArgumentError: method must be common, ceil or floor");
      const scale = 10 ** precision;
      return new Float((method === "ceil" ? Math.ceil(number * scale) : Math.floor(number * scale)) / scale);
    },
  ],
};
