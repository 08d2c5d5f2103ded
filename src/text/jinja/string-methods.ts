import { bind, type Bound } from "./arguments.ts";
import type { Budget } from "./budget.ts";
import { JinjaError } from "./errors.ts";
import { capitalize, titleCase } from "./letter-case.ts";
import { isSpace } from "./lexer.ts";
import { items } from "./sequences.ts";
import { characters, indexOf, length, offset, places, splitLines, splitSpaces, strip } from "./strings.ts";
import { Tuple, typeName, type CallArguments, type Value } from "./values.ts";

type Method = readonly [signature: string, run: (text: string, args: Bound, budget: Budget) => Value];

const pad = (text: string, args: Bound, budget: Budget, share: (missing: number) => number): string => {
  const missing = args.int("width") - length(text);
  if (missing <= 0) return text;
  budget.take(missing);
  const fill = args.text("fill", " ");
  const before = share(missing);
  return fill.repeat(before) + text + fill.repeat(missing - before);
};

/** Cost of a search: the engine may compare short patterns anew at each place. */
const search = (text: string, pattern: string, budget: Budget): void =>
  budget.step(text.length * Math.max(1, Math.min(pattern.length, 32)));

/** The part that start and end say, and where it begins in code points. */
function part(text: string, args: Bound): { readonly text: string; readonly start: number } {
  const n = length(text);
  const place = (value: number): number => Math.max(0, Math.min(n, value < 0 ? value + n : value));
  const start = args.value("start", null) === null ? 0 : place(args.int("start"));
  const end = args.value("end", null) === null ? n : place(args.int("end"));
  return { text: end < start ? "" : text.slice(offset(text, start), offset(text, end)), start };
}

function find(text: string, args: Bound, budget: Budget, last: boolean): number {
  const inside = part(text, args);
  const pattern = args.text("sub");
  search(text, pattern, budget);
  const at = last ? (pattern === "" ? inside.text.length : inside.text.lastIndexOf(pattern)) : indexOf(inside.text, pattern);
  return at < 0 ? -1 : inside.start + length(inside.text.slice(0, at));
}

function found(place: number): number {
  if (place < 0) throw new JinjaError("ValueError: substring not found");
  return place;
}

function affix(text: string, args: Bound, end: boolean): boolean {
  const inside = part(text, args).text;
  const value = args.value("affix");
  const wanted = value instanceof Tuple ? value.items : [value];
  return wanted.some((one) => {
    if (typeof one !== "string")
      throw new JinjaError(`TypeError: ${end ? "endswith" : "startswith"} first arg must be str or a tuple of str, not ${typeName(one)}`);
    return end ? inside.endsWith(one) : inside.startsWith(one);
  });
}

function split(text: string, args: Bound, budget: Budget): string[] {
  const most = args.int("maxsplit", -1);
  const separator = args.textOrNone("sep");
  if (separator === null) {
    budget.step(text.length);
    return budget.list(splitSpaces(text, most < 0 ? Infinity : most));
  }
  if (separator === "") throw new JinjaError("ValueError: empty separator");
  search(text, separator, budget);
  return cut(text, places(text, separator, budget, most < 0 ? Infinity : most), separator.length, budget);
}

function rightSplit(text: string, args: Bound, budget: Budget): string[] {
  const most = args.int("maxsplit", -1);
  const separator = args.textOrNone("sep");
  if (most < 0) return split(text, args, budget);
  if (separator === null) {
    const words: string[] = [];
    let rest = strip(text, null, true, true);
    while (words.length < most && rest !== "") {
      budget.step(rest.length);
      let start = rest.length;
      while (start > 0 && !isSpace(rest.charCodeAt(start - 1))) start--;
      if (start === 0) break;
      words.unshift(rest.slice(start));
      rest = strip(rest.slice(0, start), null, false, true);
    }
    return rest === "" ? words : [rest, ...words];
  }
  if (separator === "") throw new JinjaError("ValueError: empty separator");
  search(text, separator, budget);
  const ends: number[] = [];
  for (
    let at = text.lastIndexOf(separator);
    at >= 0 && ends.length < most;
    at = at === 0 ? -1 : text.lastIndexOf(separator, at - separator.length)
  ) {
    ends.unshift(at);
    if (at < separator.length) break;
  }
  return cut(text, ends, separator.length, budget);
}

function cut(text: string, ends: readonly number[], skip: number, budget: Budget): string[] {
  let start = 0;
  const parts = ends.map((end) => {
    const piece = text.slice(start, end);
    start = end + skip;
    return piece;
  });
  return budget.list([...parts, text.slice(start)]);
}

/** `str.replace`; a negative count is all. */
export function replaceText(text: string, from: string, to: string, count: number, budget: Budget): string {
  search(text, from, budget);
  const most = count < 0 ? Infinity : count;
  if (from === "") {
    const all = characters(text);
    const gaps = Math.min(most, all.length + 1);
    budget.take(text.length + gaps * to.length);
    return all.map((char, i) => (i < gaps ? to + char : char)).join("") + (gaps > all.length ? to : "");
  }
  const ends = places(text, from, budget, most);
  budget.take(text.length + ends.length * (to.length - from.length > 0 ? to.length : 0));
  return cut(text, ends, from.length, budget).join(to);
}

function partition(text: string, separator: string, last: boolean): Tuple {
  if (separator === "") throw new JinjaError("ValueError: empty separator");
  const at = last ? text.lastIndexOf(separator) : indexOf(text, separator);
  if (at < 0) return new Tuple(last ? ["", "", text] : [text, "", ""]);
  return new Tuple([text.slice(0, at), separator, text.slice(at + separator.length)]);
}

const all = (pattern: string): ((text: string) => boolean) => {
  const regex = new RegExp(`^(?:${pattern})+$`, "u");
  return (text) => regex.test(text);
};
const isAlnum = all("[\\p{L}\\p{N}]");
const isCased = (text: string, wanted: RegExp, other: RegExp): boolean => wanted.test(text) && !other.test(text);

const METHODS: Readonly<Record<string, Method>> = {
  capitalize: ["", capitalize],
  casefold: ["", (text) => text.replace(/ß/g, "ss").toLowerCase()],
  center: ["width fill", (text, args, budget) => pad(text, args, budget, (n) => (n >> 1) + (n & args.int("width") & 1))],
  count: [
    "sub start end",
    (text, args, budget) => {
      const inside = part(text, args).text;
      const pattern = args.text("sub");
      search(inside, pattern, budget);
      return pattern === "" ? length(inside) + 1 : places(inside, pattern, budget).length;
    },
  ],
  endswith: ["affix start end", (text, args) => affix(text, args, true)],
  expandtabs: [
    "tabsize",
    (text, args, budget) => {
      const size = Math.max(0, args.int("tabsize", 8));
      budget.take(text.length + (text.split("\t").length - 1) * size);
      return text
        .split(/(?<=[\n\r])/)
        .map((line) =>
          line
            .split("\t")
            .reduce((out, piece, i) => (i === 0 ? piece : out + " ".repeat(size === 0 ? 0 : size - (length(out) % size)) + piece), ""),
        )
        .join("");
    },
  ],
  find: ["sub start end", (text, args, budget) => find(text, args, budget, false)],
  rfind: ["sub start end", (text, args, budget) => find(text, args, budget, true)],
  index: ["sub start end", (text, args, budget) => found(find(text, args, budget, false))],
  rindex: ["sub start end", (text, args, budget) => found(find(text, args, budget, true))],
  isalnum: ["", isAlnum],
  isalpha: ["", all("\\p{L}")],
  isascii: ["", (text) => /^[\0-\x7f]*$/.test(text)],
  isdecimal: ["", all("\\p{Nd}")],
  isdigit: ["", all("[\\p{Nd}²³¹⁰⁴-⁹₀-₉]")],
  isnumeric: ["", all("\\p{N}")],
  isidentifier: ["", (text) => /^[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*$/u.test(text)],
  isspace: ["", (text) => text !== "" && strip(text, null, true, true) === ""],
  islower: ["", (text) => isCased(text, /\p{Ll}/u, /[\p{Lu}\p{Lt}]/u)],
  isupper: ["", (text) => isCased(text, /\p{Lu}/u, /[\p{Ll}\p{Lt}]/u)],
  istitle: ["", (text) => /[\p{Lu}\p{Lt}]/u.test(text) && titleCase(text) === text],
  isprintable: ["", (text) => !/(?! )[\p{C}\p{Z}]/u.test(text)],
  join: [
    "iterable",
    (text, args, budget) => {
      const parts = items(args.value("iterable"), budget);
      parts.forEach((value, i) => {
        if (typeof value !== "string")
          throw new JinjaError(`TypeError: sequence item ${i}: expected str instance, ${typeName(value)} found`);
        budget.take(value.length + text.length);
      });
      return parts.join(text);
    },
  ],
  ljust: ["width fill", (text, args, budget) => pad(text, args, budget, () => 0)],
  rjust: ["width fill", (text, args, budget) => pad(text, args, budget, (n) => n)],
  lower: ["", (text) => text.toLowerCase()],
  upper: ["", (text) => text.toUpperCase()],
  swapcase: [
    "",
    (text) =>
      characters(text)
        .map((char) => (char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase()))
        .join(""),
  ],
  title: ["", titleCase],
  strip: ["chars", (text, args) => strip(text, args.textOrNone("chars"), true, true)],
  lstrip: ["chars", (text, args) => strip(text, args.textOrNone("chars"), true, false)],
  rstrip: ["chars", (text, args) => strip(text, args.textOrNone("chars"), false, true)],
  partition: ["sep", (text, args) => partition(text, args.text("sep"), false)],
  rpartition: ["sep", (text, args) => partition(text, args.text("sep"), true)],
  removeprefix: ["prefix", (text, args) => (text.startsWith(args.text("prefix")) ? text.slice(args.text("prefix").length) : text)],
  removesuffix: [
    "suffix",
    (text, args) => (args.text("suffix") !== "" && text.endsWith(args.text("suffix")) ? text.slice(0, -args.text("suffix").length) : text),
  ],
  replace: ["old new count", (text, args, budget) => replaceText(text, args.text("old"), args.text("new"), args.int("count", -1), budget)],
  split: ["sep maxsplit", split],
  rsplit: ["sep maxsplit", rightSplit],
  splitlines: ["keepends", (text, args, budget) => budget.list(splitLines(text, args.value("keepends", false) !== false))],
  startswith: ["affix start end", (text, args) => affix(text, args, false)],
  zfill: [
    "width",
    (text, args, budget) => {
      const missing = Math.max(0, args.int("width") - length(text));
      budget.take(missing);
      const sign = /^[-+]/.exec(text)?.[0] ?? "";
      return sign + "0".repeat(missing) + text.slice(sign.length);
    },
  ],
};

/** Methods that look at each character by itself, which costs more than what the engine does in one go. */
const BY_CHARACTER: ReadonlySet<string> = new Set(["capitalize", "swapcase", "title", "istitle", "expandtabs"]);

/** A method of str, ready to be called; undefined when there is none. `format` is not here. */
export function stringMethod(text: string, name: string, budget: Budget): ((args: CallArguments) => Value) | undefined {
  const method = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
  if (method === undefined) return undefined;
  return (args) => {
    budget.step(BY_CHARACTER.has(name) ? 16 * text.length : text.length);
    const value = method[1](text, bind(name, method[0], args), budget);
    return typeof value === "string" ? budget.text(value) : value;
  };
}
