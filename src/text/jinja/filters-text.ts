import type { Budget } from "./budget.ts";
import type { Filter } from "./filter.ts";
import { JinjaError } from "./errors.ts";
import { formatPercent } from "./format-percent.ts";
import { str } from "./print.ts";
import { items } from "./sequences.ts";
import { capitalize } from "./letter-case.ts";
import { replaceText } from "./string-search.ts";
import { characters, length, splitLines, strip } from "./strings.ts";
import { attribute } from "./lookup.ts";
import { defined, Dict, numeric, Tuple, truth, typeName, Undefined, type Value } from "./values.ts";

const HTML: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" };
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => HTML[char]!);

const escape: Filter = ["", (value, _, { budget }) => budget.text(escapeHtml(slowly(value, budget)))];
const MAX_WIDTH = 1 << 16;

/** A text whose characters will be looked at one by one, which costs more than what the engine does in one go. */
function slowly(value: Value, budget: Budget): string {
  const text = str(value, budget);
  budget.step(16 * text.length);
  return text;
}

/** Words that are longer than this are no reason to cut a text earlier. */
function truncate(text: string, limit: number, kill: boolean, end: string, leeway: number): string {
  const chars = characters(text);
  const room = limit - length(end);
  if (room < 0) throw new JinjaError(`AssertionError: expected length >= ${length(end)}, got ${limit}`);
  if (chars.length <= limit + leeway) return text;
  const cut = chars.slice(0, room).join("");
  if (kill) return cut + end;
  const space = cut.lastIndexOf(" ");
  return (space < 0 ? cut : cut.slice(0, space)) + end;
}

function indent(text: string, width: string, first: boolean, blank: boolean): string {
  const lines = splitLines(`${text}\n`, false);
  const rest = lines.slice(1).map((line) => (blank || line !== "" ? width + line : line));
  return (first ? width : "") + [lines[0] ?? "", ...rest].join("\n");
}

/** jinja2's own `title`: a letter that begins the text, or follows white space, a hyphen or an opening bracket. */
function title(text: string): string {
  return text
    .split(/([-\s({[<]+)/u)
    .filter((word) => word !== "")
    .map((word) => {
      const [first = "", ...rest] = characters(word);
      return first.toUpperCase() + rest.join("").toLowerCase();
    })
    .join("");
}

const KEEP = /[A-Za-z0-9_.~/-]/;

/** Of a part of a query, where a space is a plus, or of a path. */
function urlEncode(text: string, query: boolean): string {
  return Array.from(new TextEncoder().encode(text), (byte) => {
    const char = String.fromCharCode(byte);
    return query && char === " "
      ? "+"
      : KEEP.test(char) && !(query && char === "/")
        ? char
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}

function fileSize(bytes: number, binary: boolean): string {
  const base = binary ? 1024 : 1000;
  const units = binary ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"] : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
  if (bytes === 1) return "1 Byte";
  if (bytes < base) return `${Math.trunc(bytes)} Bytes`;
  let i = 0;
  while (i < units.length - 1 && bytes >= base ** (i + 2)) i++;
  return `${(bytes / base ** (i + 1)).toFixed(1)} ${units[i]}`;
}

/** Without what stands in <...>; a bracket that is not closed stays. */
function withoutTags(text: string): string {
  let out = "";
  for (let from = 0; ;) {
    const open = text.indexOf("<", from);
    const comment = open >= 0 && text.startsWith("<!--", open);
    const close = open < 0 ? -1 : text.indexOf(comment ? "-->" : ">", open);
    if (close < 0) return out + text.slice(from);
    out += text.slice(from, open);
    from = close + (comment ? 3 : 1);
  }
}

/** Filters that write text. */
export const TEXT_FILTERS: Readonly<Record<string, Filter>> = {
  string: ["", (value, _, { budget }) => str(value, budget)],
  safe: ["", (value, _, { budget }) => str(value, budget)],
  e: escape,
  escape,
  forceescape: escape,
  lower: ["", (value, _, { budget }) => budget.text(str(value, budget).toLowerCase())],
  upper: ["", (value, _, { budget }) => budget.text(str(value, budget).toUpperCase())],
  capitalize: ["", (value, _, { budget }) => budget.text(capitalize(slowly(value, budget)))],
  title: ["", (value, _, { budget }) => budget.text(title(slowly(value, budget)))],
  trim: ["chars", (value, args, { budget }) => budget.text(strip(str(value, budget), args.textOrNone("chars"), true, true))],
  replace: [
    "old new count",
    (value, args, { budget }) => {
      const count = args.value("count", null) === null ? -1 : args.int("count");
      return replaceText(str(value, budget), str(args.value("old"), budget), str(args.value("new"), budget), count, budget);
    },
  ],
  center: [
    "width",
    (value, args, { budget }) => {
      const text = str(value, budget);
      const width = Math.min(MAX_WIDTH, args.int("width", 80));
      const missing = Math.max(0, width - length(text));
      budget.take(text.length + missing);
      const left = (missing >> 1) + (missing & width & 1);
      return " ".repeat(left) + text + " ".repeat(missing - left);
    },
  ],
  indent: [
    "width first blank",
    (value, args, { budget }) => {
      const given = args.value("width", 4);
      const width = typeof given === "string" ? given : " ".repeat(Math.min(MAX_WIDTH, Math.max(0, args.int("width", 4))));
      const text = str(value, budget);
      budget.take(text.length + width.length * text.split("\n").length);
      return indent(text, width, truth(args.value("first", false)), truth(args.value("blank", false)));
    },
  ],
  truncate: [
    "length killwords end leeway",
    (value, args, { budget }) => {
      const leeway = args.value("leeway", null) === null ? 5 : args.int("leeway");
      return budget.text(
        truncate(slowly(value, budget), args.int("length", 255), truth(args.value("killwords", false)), args.text("end", "..."), leeway),
      );
    },
  ],
  wordcount: ["", (value, _, { budget }) => (slowly(value, budget).match(/[\p{L}\p{N}_]+/gu) ?? []).length],
  striptags: [
    "",
    (value, _, { budget }) =>
      budget.text(
        withoutTags(slowly(value, budget))
          .split(/\s+/u)
          .filter((word) => word !== "")
          .join(" "),
      ),
  ],
  urlencode: [
    "",
    (value, _, { budget }) => {
      if (!(value instanceof Dict) && !Array.isArray(value)) return budget.text(urlEncode(slowly(value, budget), false));
      const pairs = value instanceof Dict ? value.entries() : value.map((pair) => items(pair, budget));
      return budget.text(
        pairs.map(([key, item]) => `${urlEncode(slowly(key!, budget), true)}=${urlEncode(slowly(item!, budget), true)}`).join("&"),
      );
    },
  ],
  xmlattr: [
    "autospace",
    (value, args, { budget }) => {
      if (!(value instanceof Dict)) throw new JinjaError(`TypeError: xmlattr needs a mapping, not ${typeName(value)}`);
      const shown = value
        .entries()
        .filter(([, item]) => item !== null && !(item instanceof Undefined))
        .map(([key, item]) => `${escapeHtml(str(key, budget))}="${escapeHtml(str(item, budget))}"`)
        .join(" ");
      return budget.text((shown !== "" && truth(args.value("autospace", true)) ? " " : "") + shown);
    },
  ],
  filesizeformat: [
    "binary",
    (value, args) => fileSize(typeof value === "string" ? Number(value) : (numeric(value) ?? NaN), truth(args.value("binary", false))),
  ],
  attr: ["name", (value, args, { budget }) => attributeOnly(value, args.text("name"), budget)],
};

/** The filter `attr` looks for attributes, never for items. */
function attributeOnly(value: Value, name: string, budget: Budget): Value {
  return attribute(value instanceof Dict && value.has(name) ? new Dict() : defined(value), name, budget);
}

/** `text | format(a, b)`, which takes any number of arguments. */
export function formatFilter(value: Value, positional: readonly Value[], named: ReadonlyMap<string, Value>, budget: Budget): string {
  if (positional.length > 0 && named.size > 0)
    throw new JinjaError("FilterArgumentError: can't handle positional and keyword arguments at the same time");
  return formatPercent(str(value, budget), named.size > 0 ? Dict.of(named) : new Tuple(positional), budget);
}
