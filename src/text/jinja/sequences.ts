import type { Budget } from "./budget.ts";
import { JinjaError } from "./errors.ts";
import { characters, length as textLength, offset } from "./strings.ts";
import { Dict, Float, Iterator, Range, Tuple, typeName, Undefined, type Value } from "./values.ts";

/** What iterating over a value gives. @throws JinjaError for a value that is none to iterate over */
export function items(value: Value, budget: Budget): readonly Value[] {
  budget.step();
  if (Array.isArray(value)) return value;
  if (value instanceof Tuple) return value.items;
  if (typeof value === "string") return budget.list(characters(value));
  if (value instanceof Dict) return budget.list(value.keys());
  if (value instanceof Iterator) return value.take();
  if (value instanceof Range) {
    budget.take(8 * value.length);
    return Array.from({ length: value.length }, (_, i) => value.at(i));
  }
  if (value instanceof Undefined) return [];
  throw new JinjaError(`TypeError: '${typeName(value)}' object is not iterable`);
}

/** Python's `len()`. */
export function length(value: Value, budget: Budget): number {
  if (typeof value === "string") {
    budget.step(value.length);
    return textLength(value);
  }
  if (Array.isArray(value) || value instanceof Range) return value.length;
  if (value instanceof Tuple) return value.items.length;
  if (value instanceof Dict) return value.size;
  if (value instanceof Iterator && value.view !== undefined) return value.view.length;
  if (value instanceof Undefined) return 0;
  throw new JinjaError(`TypeError: object of type '${typeName(value)}' has no len()`);
}

/** The item of a sequence at a place, counted from the end where negative; undefined when there is none. */
export function itemAt(value: Value, index: Value, budget: Budget): Value | undefined {
  if (value instanceof Dict) return value.get(index);
  if (typeof index === "boolean") return itemAt(value, Number(index), budget);
  if (typeof index !== "number") return undefined;
  if (typeof value !== "string" && !Array.isArray(value) && !(value instanceof Tuple) && !(value instanceof Range)) return undefined;
  const count = length(value, budget);
  const at = index < 0 ? index + count : index;
  if (at < 0 || at >= count) return undefined;
  if (Array.isArray(value)) return value[at];
  if (value instanceof Tuple) return value.items[at];
  if (value instanceof Range) return value.at(at);
  const start = offset(value, at);
  return String.fromCodePoint(value.codePointAt(start)!);
}

/** `value[from:to:by]`. */
export function slice(value: Value, bounds: readonly [Value, Value, Value], budget: Budget): Value | undefined {
  if (typeof value !== "string" && !Array.isArray(value) && !(value instanceof Tuple) && !(value instanceof Range)) return undefined;
  const [from, to, by] = bounds.map((bound) => {
    if (bound === null || typeof bound === "number") return bound;
    if (typeof bound === "boolean") return Number(bound);
    throw new JinjaError(
      bound instanceof Float
        ? "TypeError: slice indices must be integers or None"
        : `TypeError: slice indices must be integers or None, not ${typeName(bound)}`,
    );
  }) as [number | null, number | null, number | null];
  const step = by ?? 1;
  if (step === 0) throw new JinjaError("ValueError: slice step cannot be zero");
  const count = length(value, budget);
  const place = (bound: number): number =>
    Math.max(step > 0 ? 0 : -1, Math.min(step > 0 ? count : count - 1, bound < 0 ? bound + count : bound));
  const start = from === null ? (step > 0 ? 0 : count - 1) : place(from);
  const end = to === null ? (step > 0 ? count : -1) : place(to);
  if (typeof value === "string" && step === 1)
    return budget.text(start >= end ? "" : value.slice(offset(value, start), offset(value, end)));
  const all = items(value, budget);
  const taken: Value[] = [];
  for (let i = start; step > 0 ? i < end : i > end; i += step) taken.push(all[i]!);
  budget.list(taken);
  return typeof value === "string" ? taken.join("") : value instanceof Tuple ? new Tuple(taken) : taken;
}
