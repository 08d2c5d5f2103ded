import type { Filters, RawFilter } from "./filter.ts";
import { JinjaError } from "./errors.ts";
import { formatFilter } from "./filters-text.ts";
import { path, pathParts } from "./lookup.ts";
import { items } from "./sequences.ts";
import { Iterator, truth, Undefined, type CallArguments, type Value } from "./values.ts";

/** Items, none for what is empty: None too. */
function itemsOrNone(value: Value, { budget }: Filters): readonly Value[] {
  return truth(value) ? items(value, budget) : [];
}

function name(value: Value | undefined): string {
  if (typeof value !== "string") throw new JinjaError("FilterArgumentError: the name of a filter or test must be a text");
  return value;
}

/** select, reject, selectattr, rejectattr: a test on each item, or on a part of it. */
function choose(wanted: boolean, byAttribute: boolean): RawFilter {
  return (value, { positional }, filters) => {
    const [first, ...rest] = positional;
    if (byAttribute && first === undefined) throw new JinjaError("FilterArgumentError: Missing parameter for attribute name");
    const parts = byAttribute ? pathParts(first!) : [];
    const test = byAttribute ? rest : positional;
    const passes = (item: Value): boolean => {
      filters.budget.step();
      const part = path(item, parts, filters.budget);
      return test.length === 0 ? truth(part) : filters.test(name(test[0]), part, test.slice(1));
    };
    return new Iterator(filters.budget.list(itemsOrNone(value, filters).filter((item) => passes(item) === wanted)));
  };
}

function map(value: Value, { positional, named }: CallArguments, filters: Filters): Value {
  const attribute = positional.length === 0 ? named.get("attribute") : undefined;
  if (attribute !== undefined) {
    const otherwise = named.get("default") ?? null;
    const parts = pathParts(attribute);
    const part = (item: Value): Value => {
      const found = path(item, parts, filters.budget);
      return found instanceof Undefined && otherwise !== null ? otherwise : found;
    };
    return new Iterator(filters.budget.list(itemsOrNone(value, filters).map(part)));
  }
  if (positional.length === 0) throw new JinjaError("FilterArgumentError: map requires a filter argument");
  const args = { positional: positional.slice(1), named };
  return new Iterator(filters.budget.list(itemsOrNone(value, filters).map((item) => filters.filter(name(positional[0]), item, args))));
}

/** Filters that run other filters or tests, and those that take any arguments. */
export const SELECT_FILTERS: Readonly<Record<string, RawFilter>> = {
  map,
  select: choose(true, false),
  reject: choose(false, false),
  selectattr: choose(true, true),
  rejectattr: choose(false, true),
  format: (value, { positional, named }, { budget }) => formatFilter(value, positional, named, budget),
};
