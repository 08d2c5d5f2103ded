import type { Bound } from "./arguments.ts";
import type { Budget } from "./budget.ts";
import type { CallArguments, Value } from "./values.ts";

/** What a filter may ask of who renders. */
export interface Filters {
  readonly budget: Budget;
  filter(name: string, value: Value, args: CallArguments): Value;
  test(name: string, value: Value, args: readonly Value[]): boolean;
}

/** A filter with the names of its arguments, or one that reads them itself. */
export type Filter = readonly [signature: string, run: (value: Value, args: Bound, filters: Filters) => Value];
export type RawFilter = (value: Value, args: CallArguments, filters: Filters) => Value;
