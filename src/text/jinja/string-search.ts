import type { Bound } from "./arguments.ts";
import type { Budget } from "./budget.ts";
import { JinjaError } from "./errors.ts";
import { isSpace } from "./lexer.ts";
import { characters, indexOf, length, offset, places, splitSpaces, strip } from "./strings.ts";
import { Tuple, typeName } from "./values.ts";

/** Cost of a search: the engine may compare short patterns anew at each place. */
export const search = (text: string, pattern: string, budget: Budget): void =>
  budget.step(text.length * Math.max(1, Math.min(pattern.length, 32)));

/** The part that start and end say, and where it begins in code points. */
export function part(text: string, args: Bound): { readonly text: string; readonly start: number } {
  const n = length(text);
  const place = (value: number): number => Math.max(0, Math.min(n, value < 0 ? value + n : value));
  const start = args.value("start", null) === null ? 0 : place(args.int("start"));
  const end = args.value("end", null) === null ? n : place(args.int("end"));
  return { text: end < start ? "" : text.slice(offset(text, start), offset(text, end)), start };
}

export function find(text: string, args: Bound, budget: Budget, last: boolean): number {
  const inside = part(text, args);
  const pattern = args.text("sub");
  search(text, pattern, budget);
  const at = last ? (pattern === "" ? inside.text.length : inside.text.lastIndexOf(pattern)) : indexOf(inside.text, pattern);
  return at < 0 ? -1 : inside.start + length(inside.text.slice(0, at));
}

export function found(place: number): number {
  if (place < 0) throw new JinjaError("ValueError: substring not found");
  return place;
}

export function affix(text: string, args: Bound, end: boolean): boolean {
  const inside = part(text, args).text;
  const value = args.value("affix");
  const wanted = value instanceof Tuple ? value.items : [value];
  return wanted.some((one) => {
    if (typeof one !== "string")
      throw new JinjaError(`TypeError: ${end ? "endswith" : "startswith"} first arg must be str or a tuple of str, not ${typeName(one)}`);
    return end ? inside.endsWith(one) : inside.startsWith(one);
  });
}

export function split(text: string, args: Bound, budget: Budget): string[] {
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

export function rightSplit(text: string, args: Bound, budget: Budget): string[] {
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

export function partition(text: string, separator: string, last: boolean): Tuple {
  if (separator === "") throw new JinjaError("ValueError: empty separator");
  const at = last ? text.lastIndexOf(separator) : indexOf(text, separator);
  if (at < 0) return new Tuple(last ? ["", "", text] : [text, "", ""]);
  return new Tuple([text.slice(0, at), separator, text.slice(at + separator.length)]);
}
