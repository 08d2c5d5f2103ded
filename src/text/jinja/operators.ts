import type { Budget } from "./budget.ts";
import { JinjaError } from "./errors.ts";
import { formatPercent } from "./format-percent.ts";
import { items as itemsOf } from "./sequences.ts";
import { indexOf } from "./strings.ts";
import { defined, Dict, Float, int, Iterator, numeric, Range, Tuple, typeName, Undefined, type Value } from "./values.ts";

/** Python's `==`. */
export function equal(a: Value, b: Value, budget: Budget): boolean {
  budget.step();
  if (a === b) return true;
  const x = numeric(a);
  const y = numeric(b);
  if (x !== undefined || y !== undefined) return x === y;
  if (typeof a === "string" || typeof b === "string") return false;
  if (a instanceof Undefined) return b instanceof Undefined;
  if (Array.isArray(a)) return Array.isArray(b) && sameItems(a, b, budget);
  if (a instanceof Tuple) return b instanceof Tuple && sameItems(a.items, b.items, budget);
  if (a instanceof Range)
    return (
      b instanceof Range && a.length === b.length && (a.length === 0 || (a.start === b.start && (a.length === 1 || a.step === b.step)))
    );
  if (!(a instanceof Dict) || !(b instanceof Dict) || a.size !== b.size) return false;
  return budget.nested(() =>
    a.entries().every(([key, value]) => {
      const other = b.get(key);
      return other !== undefined && equal(value, other, budget);
    }),
  );
}

function sameItems(a: readonly Value[], b: readonly Value[], budget: Budget): boolean {
  return a.length === b.length && budget.nested(() => a.every((item, i) => equal(item, b[i]!, budget)));
}

/** Negative, zero or positive, for values that Python orders. @throws JinjaError for others */
export function compare(a: Value, b: Value, budget: Budget, operator = "<"): number {
  budget.step();
  const x = numeric(a);
  const y = numeric(b);
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : x === y ? 0 : NaN;
  if (typeof a === "string" && typeof b === "string") return compareText(a, b, budget);
  const [left, right] =
    Array.isArray(a) && Array.isArray(b) ? [a, b] : a instanceof Tuple && b instanceof Tuple ? [a.items, b.items] : [undefined, undefined];
  if (left === undefined || right === undefined) {
    defined(a);
    defined(b);
    throw new JinjaError(`TypeError: '${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
  }
  return budget.nested(() => {
    for (let i = 0; i < left.length && i < right.length; i++) {
      if (!equal(left[i]!, right[i]!, budget)) return compare(left[i]!, right[i]!, budget, operator);
    }
    return left.length - right.length;
  });
}

/** By code points, where JavaScript compares halves of them. */
function compareText(a: string, b: string, budget: Budget): number {
  const n = Math.min(a.length, b.length);
  budget.step(n);
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return x >= 0xd800 && x < 0xe000 && y >= 0xe000 ? 1 : y >= 0xd800 && y < 0xe000 && x >= 0xe000 ? -1 : x - y;
  }
  return a.length - b.length;
}

export function comparison(operator: string, a: Value, b: Value, budget: Budget): boolean {
  switch (operator) {
    case "==":
      return equal(a, b, budget);
    case "!=":
      return !equal(a, b, budget);
    case "<":
      return compare(a, b, budget, operator) < 0;
    case "<=":
      return compare(a, b, budget, operator) <= 0;
    case ">":
      return compare(a, b, budget, operator) > 0;
    case ">=":
      return compare(a, b, budget, operator) >= 0;
    case "in":
      return contains(b, a, budget);
    default:
      return !contains(b, a, budget);
  }
}

/** Whether an item, key or part of a text is in there. */
export function contains(container: Value, item: Value, budget: Budget): boolean {
  if (typeof container === "string") {
    if (typeof item !== "string")
      throw new JinjaError(`TypeError: 'in <string>' requires string as left operand, not ${typeName(defined(item))}`);
    budget.step(container.length * Math.min(item.length, 32) + item.length);
    return indexOf(container, item) >= 0;
  }
  if (container instanceof Dict) return container.has(item);
  if (container instanceof Iterator && container.view === undefined) return container.take().some((other) => equal(other, item, budget));
  return itemsOf(container, budget).some((other) => equal(other, item, budget));
}

export function arithmetic(operator: string, a: Value, b: Value, budget: Budget): Value {
  budget.step();
  defined(a);
  if (operator === "%" && typeof a === "string") return formatPercent(a, b, budget);
  defined(b);
  const x = numeric(a);
  const y = numeric(b);
  if (x !== undefined && y !== undefined) return calculate(operator, x, y, a instanceof Float || b instanceof Float);
  if (operator === "+") {
    if (typeof a === "string" && typeof b === "string") {
      budget.take(a.length + b.length);
      return a + b;
    }
    if (Array.isArray(a) && Array.isArray(b)) {
      budget.take(8 * (a.length + b.length));
      return [...a, ...b];
    }
    if (a instanceof Tuple && b instanceof Tuple) return new Tuple(budget.list([...a.items, ...b.items]));
    if (typeof a === "string") throw new JinjaError(`TypeError: can only concatenate str (not "${typeName(b)}") to str`);
  }
  if (operator === "*" && (typeof a === "number" || typeof a === "boolean"))
    return repeat(b, Number(a), budget) ?? mismatch(operator, a, b);
  if (operator === "*" && (typeof b === "number" || typeof b === "boolean"))
    return repeat(a, Number(b), budget) ?? mismatch(operator, a, b);
  return mismatch(operator, a, b);
}

function mismatch(operator: string, a: Value, b: Value): never {
  throw new JinjaError(`TypeError: unsupported operand type(s) for ${operator}: '${typeName(a)}' and '${typeName(b)}'`);
}

function repeat(value: Value, count: number, budget: Budget): Value | undefined {
  const times = Math.max(0, count);
  if (typeof value === "string") {
    budget.take(value.length * times);
    return value.repeat(times);
  }
  const items = Array.isArray(value) ? value : value instanceof Tuple ? value.items : undefined;
  if (items === undefined) return undefined;
  budget.take(8 * items.length * times);
  const all = Array.from({ length: items.length * times }, (_, i) => items[i % items.length]!);
  return Array.isArray(value) ? all : new Tuple(all);
}

function calculate(operator: string, x: number, y: number, float: boolean): Value {
  const number = (value: number): Value => (float ? new Float(value) : int(value));
  if (["/", "//", "%"].includes(operator) && y === 0) throw new JinjaError(`ZeroDivisionError: ${float ? "float " : ""}division by zero`);
  switch (operator) {
    case "+":
      return number(x + y);
    case "-":
      return number(x - y);
    case "*":
      return number(x * y);
    case "/":
      return new Float(x / y);
    case "//":
      return number((x - modulo(x, y)) / y);
    case "%":
      return number(modulo(x, y));
    default:
      return float || y < 0 ? new Float(x ** y) : int(x ** y);
  }
}

/** With the sign of the divisor. */
function modulo(x: number, y: number): number {
  const rest = x % y;
  return rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest;
}
