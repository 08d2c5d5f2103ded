import type { Budget } from "./budget.ts";
import { JinjaError } from "./errors.ts";
import { Dict, Float, Iterator, Namespace, Range, Tuple, Undefined, Callable, typeName, type Value } from "./values.ts";

/** Python's `str()`. */
export function str(value: Value, budget: Budget): string {
  if (typeof value === "string") return value;
  if (value instanceof Undefined) return "";
  return repr(value, budget);
}

/** Python's `repr()`. */
export function repr(value: Value, budget: Budget): string {
  budget.step();
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return budget.text(quote(value));
  if (value instanceof Float) return floatText(value.value);
  if (value instanceof Undefined) return "Undefined";
  if (Array.isArray(value)) return budget.nested(() => `[${join(value, budget)}]`);
  if (value instanceof Tuple) return budget.nested(() => `(${join(value.items, budget)}${value.items.length === 1 ? "," : ""})`);
  if (value instanceof Dict)
    return budget.nested(
      () =>
        `{${budget.text(
          value
            .entries()
            .map(([key, item]) => `${repr(key, budget)}: ${repr(item, budget)}`)
            .join(", "),
        )}}`,
    );
  if (value instanceof Range)
    return value.step === 1
      ? `range(${value.start}, ${value.start + value.length})`
      : `range(${value.start}, ${value.at(value.length)}, ${value.step})`;
  if (value instanceof Iterator && value.view !== undefined) return budget.nested(() => `${value.type}([${join(value.view!, budget)}])`);
  if (value instanceof Namespace) return budget.nested(() => `<Namespace ${repr(Dict.of(value.attributes), budget)}>`);
  if (value instanceof Callable) return `<${value.parts.has("name") ? "Macro" : "function"} '${value.name}'>`;
  // Python prints an address, which is never the same.
  throw new JinjaError(`a ${typeName(value)} cannot be written as text`);
}

function join(items: readonly Value[], budget: Budget): string {
  return budget.text(items.map((item) => repr(item, budget)).join(", "));
}

/** Shortest digits that read back as the same float, in Python's notation. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [digits, exponent] = value.toExponential().split("e") as [string, string];
    const power = Math.abs(Number(exponent));
    return `${digits}e${exponent.startsWith("-") ? "-" : "+"}${String(power).padStart(2, "0")}`;
  }
  const text = String(value);
  return text.includes(".") ? text : `${text}.0`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };
const UNPRINTABLE = /[\n\r\t\\]|(?! )[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Zs}]/gu;

function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text.replace(UNPRINTABLE, (char) => {
    const code = char.codePointAt(0)!;
    const hex = code.toString(16);
    return (
      ESCAPES[char] ??
      (code < 0x100 ? `\\x${hex.padStart(2, "0")}` : code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`)
    );
  });
  return mark + (mark === "'" ? body.replaceAll("'", "\\'") : body) + mark;
}
