import { bind } from "./arguments.ts";
import type { Budget } from "./budget.ts";
import { JinjaError } from "./errors.ts";
import { floatText } from "./print.ts";
import { compare } from "./operators.ts";
import { Dict, Float, Tuple, typeName, type CallArguments, type Value } from "./values.ts";

interface Style {
  readonly ascii: boolean;
  /** What a level is indented by; undefined for one line. */
  readonly indent: string | undefined;
  readonly item: string;
  readonly key: string;
  readonly sort: boolean;
}

const MAX_INDENT = 64;

/** The filter `tojson` of transformers: Python's `json.dumps`, not escaped for HTML. */
export function toJson(value: Value, args: CallArguments, budget: Budget): string {
  const bound = bind("tojson", "ensure_ascii indent separators sort_keys", args);
  const indent = bound.value("indent", null);
  const separators = bound.value("separators", null);
  const pair =
    separators instanceof Tuple ? separators.items : Array.isArray(separators) ? separators : [indent === null ? ", " : ",", ": "];
  const [item, key] = pair;
  if (typeof item !== "string" || typeof key !== "string") throw new JinjaError("TypeError: separators must be two texts");
  if (typeof indent === "number" && indent > MAX_INDENT) throw new JinjaError(`tojson indents by at most ${MAX_INDENT}`);
  const style: Style = {
    ascii: bound.value("ensure_ascii", false) === true,
    sort: bound.value("sort_keys", false) === true,
    item,
    key,
    indent: indent === null ? undefined : typeof indent === "number" ? " ".repeat(Math.max(0, indent)) : bound.text("indent"),
  };
  return write(value, style, "\n", budget);
}

function write(value: Value, style: Style, line: string, budget: Budget): string {
  budget.step();
  if (value === null) return "null";
  if (typeof value === "boolean" || typeof value === "number") return String(value);
  if (typeof value === "string") return budget.text(quote(value, style.ascii));
  if (value instanceof Float)
    return Number.isFinite(value.value)
      ? floatText(value.value)
      : Number.isNaN(value.value)
        ? "NaN"
        : value.value > 0
          ? "Infinity"
          : "-Infinity";
  return budget.nested(() => {
    const inner = style.indent === undefined ? "" : line + style.indent;
    const close = style.indent === undefined ? "" : line;
    const around = (parts: string[], open: string, end: string): string =>
      parts.length === 0 ? open + end : budget.text(open + inner + parts.join(style.item + inner) + close + end);
    if (Array.isArray(value) || value instanceof Tuple) {
      return around(
        (Array.isArray(value) ? value : value.items).map((item) => write(item, style, inner, budget)),
        "[",
        "]",
      );
    }
    if (!(value instanceof Dict)) throw new JinjaError(`TypeError: Object of type ${typeName(value)} is not JSON serializable`);
    const entries = style.sort ? value.entries().sort(([a], [b]) => compare(a, b, budget)) : value.entries();
    return around(
      entries.map(([key, item]) => quote(keyText(key), style.ascii) + style.key + write(item, style, inner, budget)),
      "{",
      "}",
    );
  });
}

function keyText(key: Value): string {
  if (typeof key === "string") return key;
  if (key === null) return "null";
  if (typeof key === "boolean" || typeof key === "number") return String(key);
  if (key instanceof Float) return floatText(key.value);
  throw new JinjaError(`TypeError: keys must be str, int, float, bool or None, not ${typeName(key)}`);
}

/** JSON.stringify but for lone surrogates and U+007F, which Python leaves alone. */
function quote(text: string, ascii: boolean): string {
  const quoted = JSON.stringify(text);
  return ascii
    ? quoted.replace(/[\u007f-\uffff]/g, (char) => (char === "\u007f" ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`))
    : quoted;
}
