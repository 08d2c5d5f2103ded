import { bind } from "./arguments.ts";
import type { Budget } from "./budget.ts";
import { formatBraces } from "./format-braces.ts";
import { equal } from "./operators.ts";
import { str } from "./print.ts";
import { itemAt } from "./sequences.ts";
import { stringMethod } from "./string-methods.ts";
import {
  Callable,
  defined,
  Dict,
  Float,
  Iterator,
  Namespace,
  or,
  Range,
  Tuple,
  typeName,
  Undefined,
  type CallArguments,
  type Value,
} from "./values.ts";
import { JinjaError } from "./errors.ts";

/** Methods that change a value, which the sandbox of transformers forbids. */
const CHANGING: Readonly<Record<string, ReadonlySet<string>>> = {
  list: new Set(["append", "reverse", "insert", "sort", "extend", "remove", "clear", "pop"]),
  dict: new Set(["clear", "pop", "popitem", "setdefault", "update"]),
};

/** `value.name`: what the type has under this name, then the item. Missing ones are undefined. */
export function attribute(value: Value, name: string, budget: Budget): Value {
  budget.step();
  return or(own(defined(value), name, budget), () => or(itemOf(value, name, budget), () => missing(value, name)));
}

/** `value[key]`: the item, then what the type has under this name. */
export function item(value: Value, key: Value, budget: Budget): Value {
  budget.step();
  return or(itemOf(defined(value), key, budget), () =>
    or(typeof key === "string" ? own(value, key, budget) : undefined, () => missing(value, key)),
  );
}

function itemOf(value: Value, key: Value, budget: Budget): Value | undefined {
  return value instanceof Dict && (Array.isArray(key) || key instanceof Dict) ? undefined : itemAt(value, key, budget);
}

function missing(value: Value, key: Value): Undefined {
  const shown = typeof key === "string" ? `attribute '${key.slice(0, 60)}'` : "such an element";
  return new Undefined(`'${typeName(value)} object' has no ${shown}`);
}

function own(value: Value, name: string, budget: Budget): Value | undefined {
  if (name.startsWith("_"))
    return new Undefined(`SecurityError: access to attribute '${name.slice(0, 60)}' of '${typeName(value)}' object is unsafe.`);
  if (value instanceof Namespace) return value.attributes.get(name);
  if (value instanceof Callable) return value.parts.get(name);
  if (typeof value === "string") {
    if (name === "format")
      return new Callable("format", (args) =>
        formatBraces(
          value,
          args,
          { attribute: (of, part) => attribute(of, part, budget), item: (of, key) => item(of, key, budget) },
          budget,
        ),
      );
    const method = stringMethod(value, name, budget);
    return method === undefined ? undefined : new Callable(name, method);
  }
  if (CHANGING[typeName(value)]?.has(name) === true) {
    return new Undefined(`SecurityError: access to attribute '${name}' of '${typeName(value)}' object is unsafe.`);
  }
  const method =
    value instanceof Dict
      ? dictMethod(value, name)
      : Array.isArray(value)
        ? listMethod(value, name, budget)
        : value instanceof Tuple
          ? listMethod(value.items, name, budget)
          : undefined;
  if (method !== undefined) return new Callable(name, method);
  if (value instanceof Range)
    return name === "start" ? value.start : name === "step" ? value.step : name === "stop" ? value.at(value.length) : undefined;
  if (value instanceof Float) return name === "is_integer" ? new Callable(name, () => Number.isInteger(value.value)) : undefined;
  if (typeof value === "object" && value !== null && !(value instanceof Iterator) && "attribute" in value) return value.attribute(name);
  return undefined;
}

function dictMethod(dict: Dict, name: string): ((args: CallArguments) => Value) | undefined {
  switch (name) {
    case "get":
      return (args) => {
        const bound = bind(name, "key default", args);
        return or(dict.get(bound.value("key")), () => bound.value("default", null));
      };
    case "items":
      return () =>
        new Iterator(
          dict.entries().map((pair) => new Tuple(pair)),
          "dict_items",
          false,
        );
    case "keys":
      return () => new Iterator(dict.keys(), "dict_keys", false);
    case "values":
      return () => new Iterator(dict.values(), "dict_values", false);
    case "copy":
      return () => Dict.of(dict.entries());
    default:
      return undefined;
  }
}

function listMethod(list: readonly Value[], name: string, budget: Budget): ((args: CallArguments) => Value) | undefined {
  switch (name) {
    case "count":
      return (args) => {
        const wanted = bind(name, "value", args).value("value");
        return list.filter((other) => equal(other, wanted, budget)).length;
      };
    case "index":
      return (args) => {
        const wanted = bind(name, "value", args).value("value");
        const at = list.findIndex((other) => equal(other, wanted, budget));
        if (at < 0) throw new JinjaError(`ValueError: ${str(wanted, budget).slice(0, 40)} is not in list`);
        return at;
      };
    case "copy":
      return () => budget.list([...list]);
    default:
      return undefined;
  }
}

/** `a.b.0`, as filters take it for `attribute`. */
export function path(value: Value, parts: readonly (string | number)[], budget: Budget): Value {
  return parts.reduce<Value>((now, part) => item(now, part, budget), value);
}

/** The parts of such a path. */
export function pathParts(of: Value): (string | number)[] {
  if (typeof of === "number") return [of];
  return typeof of === "string" ? of.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part)) : [];
}
