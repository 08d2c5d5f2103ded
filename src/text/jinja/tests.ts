import type { Budget } from "./budget.ts";
import { JinjaError } from "./errors.ts";
import { arithmetic, comparison } from "./operators.ts";
import { str } from "./print.ts";
import { Callable, defined, Dict, Float, Iterator, numeric, Range, Tuple, Undefined, type Value } from "./values.ts";

type Test = (value: Value, args: readonly Value[], budget: Budget) => boolean;

const compares =
  (operator: string): Test =>
  (value, args, budget) =>
    comparison(operator, value, args[0]!, budget);
const remainder = (value: Value, by: Value, budget: Budget): number | undefined => numeric(arithmetic("%", value, by, budget));
const isSequence = (value: Value): boolean =>
  typeof value === "string" || Array.isArray(value) || value instanceof Tuple || value instanceof Dict || value instanceof Range;

/** How many arguments each test takes, and the test. */
const TESTS: Readonly<Record<string, readonly [number, Test]>> = {
  defined: [0, (value) => !(value instanceof Undefined)],
  undefined: [0, (value) => value instanceof Undefined],
  none: [0, (value) => value === null],
  boolean: [0, (value) => typeof value === "boolean"],
  true: [0, (value) => value === true],
  false: [0, (value) => value === false],
  integer: [0, (value) => typeof value === "number"],
  float: [0, (value) => value instanceof Float],
  number: [0, (value) => numeric(value) !== undefined],
  string: [0, (value) => typeof value === "string"],
  mapping: [0, (value) => value instanceof Dict],
  sequence: [0, isSequence],
  iterable: [0, (value) => isSequence(value) || value instanceof Iterator || value instanceof Undefined],
  callable: [0, (value) => value instanceof Callable],
  odd: [0, (value, _, budget) => remainder(value, 2, budget) === 1],
  even: [0, (value, _, budget) => remainder(value, 2, budget) === 0],
  divisibleby: [1, (value, args, budget) => remainder(value, args[0]!, budget) === 0],
  lower: [0, (value, _, budget) => isCase(str(value, budget), /\p{Ll}/u, /[\p{Lu}\p{Lt}]/u)],
  upper: [0, (value, _, budget) => isCase(str(value, budget), /\p{Lu}/u, /[\p{Ll}\p{Lt}]/u)],
  escaped: [0, () => false],
  sameas: [
    1,
    (value, args) => Object.is(value, args[0]) || (value instanceof Float && args[0] instanceof Float && value.value === args[0].value),
  ],
  in: [1, compares("in")],
  eq: [1, compares("==")],
  "==": [1, compares("==")],
  equalto: [1, compares("==")],
  ne: [1, compares("!=")],
  "!=": [1, compares("!=")],
  lt: [1, compares("<")],
  "<": [1, compares("<")],
  lessthan: [1, compares("<")],
  le: [1, compares("<=")],
  "<=": [1, compares("<=")],
  gt: [1, compares(">")],
  ">": [1, compares(">")],
  greaterthan: [1, compares(">")],
  ge: [1, compares(">=")],
  ">=": [1, compares(">=")],
};

function isCase(text: string, wanted: RegExp, other: RegExp): boolean {
  return wanted.test(text) && !other.test(text);
}

/** Whether there is a test, or filter, of a name. */
export type Names = (name: string) => boolean;

/** Runs a test. @param isFilter tells names of filters, for the test `filter` */
export function test(name: string, value: Value, args: readonly Value[], budget: Budget, isFilter: Names): boolean {
  budget.step();
  if (name === "filter") return typeof value === "string" && isFilter(value);
  if (name === "test") return typeof value === "string" && isTest(value);
  const found = Object.hasOwn(TESTS, name) ? TESTS[name] : undefined;
  if (found === undefined) throw new JinjaError(`there is no test ${JSON.stringify(name.slice(0, 40))}`);
  const [count, run] = found;
  if (args.length !== count) throw new JinjaError(`TypeError: the test ${name} takes ${count} argument(s), not ${args.length}`);
  if (name === "in") defined(args[0]!);
  return run(value, args, budget);
}

export function isTest(name: string): boolean {
  return Object.hasOwn(TESTS, name) || name === "filter" || name === "test";
}
