import type { Budget } from "./budget.ts";
import { JinjaError } from "./errors.ts";
import { floatText, str } from "./print.ts";
import { length } from "./strings.ts";
import { defined, Float, typeName, type Value } from "./values.ts";

/** How a value is written: Python's `[[fill]align][sign][#][0][width][grouping][.precision][type]`. */
export interface Spec {
  readonly fill: string;
  readonly align: string;
  readonly sign: string;
  readonly alternate: boolean;
  readonly width: number;
  readonly grouping: string;
  readonly precision: number | undefined;
  readonly type: string;
}

const SPEC = /^(?:(.)?([<>=^]))?([-+ ]?)(#?)(0?)(\d*)([,_]?)(?:\.(\d+))?([a-zA-Z%]?)$/su;
const MAX_WIDTH = 1 << 20;
const MAX_PRECISION = 100;

export function parseSpec(text: string): Spec {
  const found = SPEC.exec(text);
  if (found === null) throw new JinjaError(`ValueError: invalid format specifier ${JSON.stringify(text.slice(0, 40))}`);
  const [, fill, align, sign, alternate, zero, width, grouping, precision, type] = found as unknown as (string | undefined)[];
  const wide = Number(width ?? "");
  if (wide > MAX_WIDTH || Number(precision ?? 0) > MAX_WIDTH) throw new JinjaError("a format is too wide");
  return {
    fill: fill ?? (zero === "0" ? "0" : " "),
    align: align ?? (zero === "0" ? "=" : ""),
    sign: sign ?? "",
    alternate: alternate === "#",
    width: wide,
    grouping: grouping ?? "",
    precision: precision === undefined ? undefined : Number(precision),
    type: type ?? "",
  };
}

/** Python's `format(value, spec)`. */
export function format(value: Value, spec: Spec, budget: Budget): string {
  budget.take(spec.width);
  if (typeof value === "number" || (typeof value === "boolean" && spec.type !== "")) {
    if ("eEfFgG%".includes(spec.type) && spec.type !== "") return pad(floatDigits(Number(value), spec), spec, ">");
    return pad(integerDigits(Number(value), spec), spec, ">");
  }
  if (value instanceof Float) {
    if (spec.type === "" && spec.precision === undefined)
      return pad(signed(value.value, group(floatText(Math.abs(value.value)), spec), spec), spec, ">");
    if (spec.type !== "" && !"eEfFgGn%".includes(spec.type)) throw unknown(spec, value);
    return pad(floatDigits(value.value, spec), spec, ">");
  }
  if (typeof defined(value) !== "string" && (spec.type !== "" || spec.width > 0)) {
    if (typeof value !== "boolean") throw new JinjaError(`TypeError: unsupported format string passed to ${typeName(value)}.__format__`);
  }
  if (spec.type !== "" && spec.type !== "s") throw unknown(spec, value);
  const text = str(value, budget);
  return pad(
    spec.precision === undefined ? text : Array.from(text).slice(0, spec.precision).join(""),
    spec.align === "=" ? { ...spec, align: "<" } : spec,
    "<",
  );
}

function unknown(spec: Spec, value: Value): JinjaError {
  return new JinjaError(`ValueError: Unknown format code '${spec.type}' for object of type '${typeName(value)}'`);
}

function integerDigits(value: number, spec: Spec): string {
  const size = Math.abs(value);
  switch (spec.type) {
    case "":
    case "d":
    case "n":
      return signed(value, group(String(size), spec), spec);
    case "x":
    case "X":
    case "o":
    case "b": {
      const digits = size.toString({ x: 16, X: 16, o: 8, b: 2 }[spec.type]);
      const whole = (spec.alternate ? `0${spec.type}` : "") + digits;
      return signed(value, spec.type === "X" ? whole.toUpperCase() : whole, spec);
    }
    case "c":
      return String.fromCodePoint(value);
    default:
      throw unknown(spec, value);
  }
}

function floatDigits(value: number, spec: Spec): string {
  const size = Math.abs(value);
  const precision = Math.min(spec.precision ?? 6, MAX_PRECISION);
  let digits: string;
  if (!Number.isFinite(value)) digits = Number.isNaN(value) ? "nan" : "inf";
  else if (spec.type === "f" || spec.type === "F") digits = fixed(size, precision);
  else if (spec.type === "%") digits = `${fixed(size * 100, precision)}%`;
  else if (spec.type === "e" || spec.type === "E") digits = exponent(size.toExponential(precision));
  else digits = general(size, Math.max(1, precision), spec.type === "");
  return signed(value, group(spec.type === "E" || spec.type === "G" ? digits.toUpperCase() : digits, spec), spec);
}

/** As JavaScript writes it below 1e21; above, all digits. */
function fixed(size: number, precision: number): string {
  return size < 1e21 ? size.toFixed(precision) : BigInt(size).toString() + (precision > 0 ? `.${"0".repeat(precision)}` : "");
}

function exponent(text: string): string {
  return text.replace(/e([-+])(\d)$/, "e$10$2");
}

function general(size: number, precision: number, plain: boolean): string {
  const [mantissa, power] = size.toExponential(precision - 1).split("e") as [string, string];
  const at = Number(power);
  const trim = (digits: string): string => (digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits);
  if (at < -4 || at >= precision) return exponent(`${trim(mantissa)}e${power}`);
  const digits = trim(size.toFixed(Math.max(0, precision - 1 - at)));
  return plain && !digits.includes(".") ? `${digits}.0` : digits;
}

function group(digits: string, spec: Spec): string {
  if (spec.grouping === "") return digits;
  const [whole, rest] = digits.split(".") as [string, string | undefined];
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, spec.grouping);
  return rest === undefined ? grouped : `${grouped}.${rest}`;
}

function signed(value: number, digits: string, spec: Spec): string {
  if (value < 0 || Object.is(value, -0)) return `-${digits}`;
  return spec.sign === "+" || spec.sign === " " ? spec.sign + digits : digits;
}

function pad(text: string, spec: Spec, usual: string): string {
  const missing = spec.width - length(text);
  if (missing <= 0) return text;
  const fill = spec.fill.repeat(missing);
  switch (spec.align === "" ? usual : spec.align) {
    case "<":
      return text + fill;
    case "^":
      return spec.fill.repeat(missing >> 1) + text + spec.fill.repeat(missing - (missing >> 1));
    case "=": {
      const sign = /^[-+ ]?(?:0[xob])?/i.exec(text)![0];
      return sign + fill + text.slice(sign.length);
    }
    default:
      return fill + text;
  }
}
