import type { Budget } from "./budget.ts";
import { JinjaError } from "./errors.ts";
import { format, type Spec } from "./format-spec.ts";
import { repr, str } from "./print.ts";
import { Dict, Float, numeric, Tuple, typeName, type Value } from "./values.ts";

const DIRECTIVE = /%(?:\(([^)]*)\))?([-+ #0]*)(\*|\d*)(?:\.(\*|\d+))?[hlL]?([^])/gu;
const MAX_WIDTH = 1 << 20;

/** `text % values`, as Python writes it. */
export function formatPercent(text: string, values: Value, budget: Budget): string {
  const list = values instanceof Tuple ? values.items : [values];
  let used = 0;
  const next = (): Value => {
    if (used >= list.length) throw new JinjaError("TypeError: not enough arguments for format string");
    return list[used++]!;
  };
  const count = (given: string | undefined): number | undefined => {
    const value = given === "*" ? next() : given === undefined || given === "" ? undefined : Number(given);
    if (value !== undefined && (typeof value !== "number" || Math.abs(value) > MAX_WIDTH)) throw new JinjaError("a format is too wide");
    return value;
  };
  budget.step(text.length);
  let named = false;
  let out = "";
  let from = 0;
  for (const found of text.matchAll(DIRECTIVE)) {
    const [whole, name, flags = "", width, precision, type = ""] = found;
    out += text.slice(from, found.index);
    from = found.index + whole.length;
    if (type === "%") {
      out += "%";
      continue;
    }
    const wide = count(width) ?? 0;
    const exact = count(precision);
    let value: Value;
    if (name === undefined) value = next();
    else {
      named = true;
      const entry = values instanceof Dict ? values.get(name) : undefined;
      if (entry === undefined) throw new JinjaError(values instanceof Dict ? `KeyError: ${name}` : "TypeError: format requires a mapping");
      value = entry;
    }
    const piece = write(value, type, { flags, width: Math.abs(wide), left: flags.includes("-") || wide < 0, precision: exact }, budget);
    out += budget.text(piece);
  }
  if (/%$/.test(text.slice(from))) throw new JinjaError("ValueError: incomplete format");
  if (!named && used < list.length && !(values instanceof Dict))
    throw new JinjaError("TypeError: not all arguments converted during string formatting");
  return budget.text(out + text.slice(from));
}

interface Directive {
  readonly flags: string;
  readonly width: number;
  readonly left: boolean;
  readonly precision: number | undefined;
}

function write(value: Value, type: string, { flags, width, left, precision }: Directive, budget: Budget): string {
  const zero = flags.includes("0") && !left;
  const spec: Spec = {
    fill: zero ? "0" : " ",
    align: left ? "<" : zero ? "=" : ">",
    sign: flags.includes("+") ? "+" : flags.includes(" ") ? " " : "",
    alternate: flags.includes("#"),
    width,
    grouping: "",
    precision,
    type,
  };
  const number = numeric(value);
  const text = (shown: string): string => format(shown, { ...spec, type: "s", fill: " ", align: left ? "<" : ">" }, budget);
  switch (type) {
    case "s":
      return text(str(value, budget));
    case "r":
    case "a":
      return text(repr(value, budget));
    case "c":
      return text(typeof value === "number" ? String.fromCodePoint(value) : str(value, budget));
    case "d":
    case "i":
    case "u": {
      if (number === undefined) throw new JinjaError(`TypeError: %${type} format: a real number is required, not ${typeName(value)}`);
      const digits = String(Math.trunc(Math.abs(number))).padStart(precision ?? 0, "0");
      return format(
        Number(digits) * Math.sign(number),
        { ...spec, type: "d", precision: undefined, ...(precision === undefined ? {} : { fill: " ", align: left ? "<" : ">" }) },
        budget,
      ).replace(/\d+/, (plain) => plain.padStart(precision ?? 0, "0"));
    }
    case "x":
    case "X":
    case "o":
      if (typeof value !== "number" && typeof value !== "boolean")
        throw new JinjaError(`TypeError: %${type} format: an integer is required, not ${typeName(value)}`);
      return format(Number(value), spec, budget);
    case "e":
    case "E":
    case "f":
    case "F":
    case "g":
    case "G":
      if (number === undefined) throw new JinjaError(`TypeError: must be real number, not ${typeName(value)}`);
      return format(new Float(number), spec, budget);
    default:
      throw new JinjaError(`ValueError: unsupported format character '${type}'`);
  }
}
