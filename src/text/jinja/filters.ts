import { bind } from "./arguments.ts";
import type { Budget } from "./budget.ts";
import type { Filter, Filters, RawFilter } from "./filter.ts";
import { JinjaError } from "./errors.ts";
import { LIST_FILTERS } from "./filters-lists.ts";
import { NUMBER_FILTERS } from "./filters-numbers.ts";
import { SELECT_FILTERS } from "./filters-select.ts";
import { TEXT_FILTERS } from "./filters-text.ts";
import { toJson } from "./json.ts";
import { isTest, test } from "./tests.ts";

const FILTERS: Readonly<Record<string, Filter>> = { ...TEXT_FILTERS, ...LIST_FILTERS, ...NUMBER_FILTERS };
const RAW: Readonly<Record<string, RawFilter>> = { ...SELECT_FILTERS, tojson: (value, args, { budget }) => toJson(value, args, budget) };

function isFilter(name: string): boolean {
  return Object.hasOwn(FILTERS, name) || Object.hasOwn(RAW, name);
}

/** All filters of jinja2 but those whose text is by chance or for web pages (random, urlize, wordwrap, pprint), for one rendering. */
export function createFilters(budget: Budget): Filters {
  const filters: Filters = {
    budget,
    filter(name, value, args) {
      budget.step();
      const raw = Object.hasOwn(RAW, name) ? RAW[name] : undefined;
      if (raw !== undefined) return raw(value, args, filters);
      const filter = Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined;
      if (filter === undefined) throw new JinjaError(`there is no filter ${JSON.stringify(name.slice(0, 40))}`);
      return filter[1](value, bind(name, filter[0], args), filters);
    },
    test: (name, value, args) => test(name, value, args, budget, isFilter),
  };
  return filters;
}

export { isFilter, isTest };
