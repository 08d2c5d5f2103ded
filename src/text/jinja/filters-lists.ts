import type { Budget } from "./budget.ts";
import type { Filter, Filters } from "./filter.ts";
import { JinjaError } from "./errors.ts";
import { path, pathParts } from "./lookup.ts";
import { arithmetic, compare, equal } from "./operators.ts";
import { str } from "./print.ts";
import { items, length } from "./sequences.ts";
import { characters } from "./strings.ts";
import { Dict, hash, Iterator, or, Tuple, truth, typeName, Undefined, type Value } from "./values.ts";

/** Text in lower case, unless case matters. */
const folded = (value: Value, sensitive: boolean): Value => (sensitive || typeof value !== "string" ? value : value.toLowerCase());

/** Part of each item that an attribute names; the item itself without. */
function part(value: Value, attribute: Value, { budget }: Filters, otherwise?: Value): Value {
  if (attribute === null) return value;
  const found = path(value, pathParts(attribute), budget);
  return found instanceof Undefined && otherwise !== undefined && otherwise !== null ? otherwise : found;
}

function sorted(list: readonly Value[], key: (value: Value) => Value, reverse: boolean, budget: Budget): Value[] {
  const keyed = list.map((value) => ({ value, key: key(value) }));
  keyed.sort((a, b) => (reverse ? -1 : 1) * compare(a.key, b.key, budget));
  return budget.list(keyed.map(({ value }) => value));
}

/** The key of one attribute, or of several with commas. */
function sortKey(attribute: Value, sensitive: boolean, filters: Filters): (value: Value) => Value {
  if (typeof attribute !== "string" || !attribute.includes(",")) return (value) => folded(part(value, attribute, filters), sensitive);
  const names = attribute.split(",").map((name) => name.trim());
  return (value) => names.map((name) => folded(part(value, name, filters), sensitive));
}

function extreme(value: Value, sensitive: boolean, attribute: Value, filters: Filters, sign: number): Value {
  const list = items(value, filters.budget);
  if (list.length === 0) return new Undefined("No aggregated item, sequence was empty.");
  const key = (one: Value): Value => folded(part(one, attribute, filters), sensitive);
  return list.reduce((best, one) => (sign * compare(key(one), key(best), filters.budget) > 0 ? one : best));
}

function chunks(list: readonly Value[], size: number): Value[][] {
  if (size < 1) throw new JinjaError("ValueError: a batch needs at least one item");
  const out: Value[][] = [];
  for (let i = 0; i < list.length; i += size) out.push(list.slice(i, i + size));
  return out;
}

function fill(list: Value[], count: number, value: Value, budget: Budget): Value[] {
  if (value === null || list.length >= count) return list;
  budget.take(8 * (count - list.length));
  return [...list, ...Array.from({ length: count - list.length }, () => value)];
}

function slices(list: readonly Value[], count: number, filler: Value, budget: Budget): Value[] {
  if (count < 1) throw new JinjaError("ZeroDivisionError: integer division or modulo by zero");
  budget.take(8 * (count + list.length));
  const size = Math.floor(list.length / count);
  const longer = list.length % count;
  let from = 0;
  return Array.from({ length: count }, (_, i) => {
    const to = from + size + (i < longer ? 1 : 0);
    const slice = list.slice(from, to);
    from = to;
    return filler !== null && i >= longer && longer > 0 ? [...slice, filler] : slice;
  });
}

/** Filters of lists and mappings. */
export const LIST_FILTERS: Readonly<Record<string, Filter>> = {
  list: ["", (value, _, { budget }) => budget.list([...items(value, budget)])],
  length: ["", (value, _, { budget }) => length(value, budget)],
  count: ["", (value, _, { budget }) => length(value, budget)],
  first: ["", (value, _, { budget }) => or(items(value, budget)[0], () => new Undefined("No first item, sequence was empty."))],
  last: [
    "",
    (value, _, { budget }) => {
      if (value instanceof Iterator && value.view === undefined) throw new JinjaError("TypeError: 'generator' object is not reversible");
      return or(items(value, budget).at(-1), () => new Undefined("No last item, sequence was empty."));
    },
  ],
  join: [
    "d attribute",
    (value, args, filters) => {
      const { budget } = filters;
      const between = str(args.value("d", ""), budget);
      const attribute = args.value("attribute", null);
      return budget.text(
        items(value, budget)
          .map((one) => {
            budget.take(between.length);
            return budget.text(str(part(one, attribute, filters), budget));
          })
          .join(between),
      );
    },
  ],
  reverse: [
    "",
    (value, _, { budget }) => {
      if (typeof value === "string") return budget.text(budget.list(characters(value)).reverse().join(""));
      return new Iterator(budget.list([...items(value, budget)].reverse()), "list_reverseiterator");
    },
  ],
  sort: [
    "reverse case_sensitive attribute",
    (value, args, filters) => {
      const key = sortKey(args.value("attribute", null), truth(args.value("case_sensitive", false)), filters);
      return sorted(items(value, filters.budget), key, truth(args.value("reverse", false)), filters.budget);
    },
  ],
  dictsort: [
    "case_sensitive by reverse",
    (value, args, { budget }) => {
      if (!(value instanceof Dict)) throw new JinjaError(`AttributeError: '${typeName(value)}' object has no attribute 'items'`);
      const by = ["key", "value"].indexOf(args.text("by", "key"));
      if (by < 0) throw new JinjaError('FilterArgumentError: You can only sort by either "key" or "value"');
      const sensitive = truth(args.value("case_sensitive", false));
      return sorted(
        value.entries().map((pair) => new Tuple(pair)),
        (pair) => folded((pair as Tuple).items[by]!, sensitive),
        truth(args.value("reverse", false)),
        budget,
      );
    },
  ],
  items: [
    "",
    (value, _, { budget }) => {
      if (value instanceof Undefined) return new Iterator([]);
      if (!(value instanceof Dict)) throw new JinjaError("TypeError: Can only get item pairs from a mapping.");
      return new Iterator(budget.list(value.entries().map((pair) => new Tuple(pair))));
    },
  ],
  unique: [
    "case_sensitive attribute",
    (value, args, filters) => {
      const seen = new Set<unknown>();
      const attribute = args.value("attribute", null);
      const sensitive = truth(args.value("case_sensitive", false));
      return new Iterator(
        filters.budget.list(
          items(value, filters.budget).filter((one) => {
            const key = hash(folded(part(one, attribute, filters), sensitive));
            return seen.has(key) ? false : seen.add(key);
          }),
        ),
      );
    },
  ],
  groupby: [
    "attribute default case_sensitive",
    (value, args, filters) => {
      const attribute = args.value("attribute");
      const sensitive = truth(args.value("case_sensitive", false));
      const raw = (one: Value): Value => part(one, attribute, filters, args.value("default", null));
      const groups: { key: Value; first: Value; list: Value[] }[] = [];
      for (const one of sorted(items(value, filters.budget), (other) => folded(raw(other), sensitive), false, filters.budget)) {
        const key = folded(raw(one), sensitive);
        const last = groups.at(-1);
        if (last !== undefined && equal(last.key, key, filters.budget)) last.list.push(one);
        else groups.push({ key, first: raw(one), list: [one] });
      }
      return groups.map(({ first, list }) => new Group(first, list));
    },
  ],
  batch: [
    "linecount fill_with",
    (value, args, { budget }) => {
      const size = args.int("linecount");
      const filler = args.value("fill_with", null);
      return new Iterator(budget.list(chunks(items(value, budget), size).map((chunk) => fill(chunk, size, filler, budget))));
    },
  ],
  slice: [
    "slices fill_with",
    (value, args, { budget }) => new Iterator(slices(items(value, budget), args.int("slices"), args.value("fill_with", null), budget)),
  ],
  sum: [
    "attribute start",
    (value, args, filters) => {
      const attribute = args.value("attribute", null);
      return items(value, filters.budget).reduce<Value>(
        (total, one) => arithmetic("+", total, part(one, attribute, filters), filters.budget),
        args.value("start", 0),
      );
    },
  ],
  min: [
    "case_sensitive attribute",
    (value, args, filters) => extreme(value, truth(args.value("case_sensitive", false)), args.value("attribute", null), filters, -1),
  ],
  max: [
    "case_sensitive attribute",
    (value, args, filters) => extreme(value, truth(args.value("case_sensitive", false)), args.value("attribute", null), filters, 1),
  ],
  default: ["default_value boolean", (value, args) => orElse(value, args.value("default_value", ""), args.value("boolean", false))],
  d: ["default_value boolean", (value, args) => orElse(value, args.value("default_value", ""), args.value("boolean", false))],
};

function orElse(value: Value, otherwise: Value, boolean: Value): Value {
  return value instanceof Undefined || (truth(boolean) && !truth(value)) ? otherwise : value;
}

/** A group of `groupby`: a pair whose parts have names. */
class Group extends Tuple {
  constructor(grouper: Value, list: Value[]) {
    super([grouper, list]);
  }
  attribute(name: string): Value | undefined {
    return name === "grouper" ? this.items[0] : name === "list" ? this.items[1] : undefined;
  }
}
