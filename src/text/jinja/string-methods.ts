import { bind, type Bound } from "./arguments.ts";
import type { Budget } from "./budget.ts";
import { JinjaError } from "./errors.ts";
import { capitalize, titleCase } from "./letter-case.ts";
import { items } from "./sequences.ts";
import { affix, find, found, part, partition, replaceText, rightSplit, search, split } from "./string-search.ts";
import { characters, length, places, splitLines, strip } from "./strings.ts";
import { typeName, type CallArguments, type Value } from "./values.ts";

type Method = readonly [signature: string, run: (text: string, args: Bound, budget: Budget) => Value];

const pad = (text: string, args: Bound, budget: Budget, share: (missing: number) => number): string => {
  const missing = args.int("width") - length(text);
  if (missing <= 0) return text;
  budget.take(missing);
  const fill = args.text("fill", " ");
  const before = share(missing);
  return fill.repeat(before) + text + fill.repeat(missing - before);
};

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
