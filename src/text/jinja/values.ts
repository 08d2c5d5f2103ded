import { JinjaError } from "./errors.ts";

/**
 * Python's values: None is null, a str is a string, an int a number without fraction; what JavaScript has no type for is a
 * class. Lists are arrays.
 */
export type Value =
  null | boolean | number | string | Float | Value[] | Tuple | Dict | Undefined | Range | Iterator | Namespace | Callable | Attributes;

/** A float, also where it is whole. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

export class Tuple {
  readonly items: readonly Value[];
  constructor(items: readonly Value[]) {
    this.items = items;
  }
}

/** What a name, attribute or item is that is not there: prints nothing, holds nothing, and fails where it is used otherwise. */
export class Undefined {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

export class Range {
  readonly start: number;
  readonly step: number;
  readonly length: number;
  constructor(start: number, step: number, length: number) {
    this.start = start;
    this.step = step;
    this.length = length;
  }
  at(i: number): number {
    return this.start + i * this.step;
  }
}

/** A generator or view: goes through its items; once, or again and again. */
export class Iterator {
  readonly type: string;
  #items: readonly Value[];
  readonly #once: boolean;
  constructor(items: readonly Value[], type = "generator", once = true) {
    this.#items = items;
    this.type = type;
    this.#once = once;
  }
  take(): readonly Value[] {
    const items = this.#items;
    if (this.#once) this.#items = [];
    return items;
  }
  /** Items of a view, which has a length; undefined for a generator. */
  get view(): readonly Value[] | undefined {
    return this.#once ? undefined : this.#items;
  }
}

/** jinja2's `namespace()`: attributes that a template may set. */
export class Namespace {
  readonly attributes = new Map<string, Value>();
}

/** Something with named parts that only hosts make: `loop`, a macro's names. */
export interface Attributes {
  readonly typeName: string;
  attribute(name: string): Value | undefined;
}

/** Arguments as a call gives them. */
export interface CallArguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

export class Callable {
  readonly name: string;
  readonly call: (args: CallArguments) => Value;
  readonly parts: ReadonlyMap<string, Value>;
  constructor(name: string, call: (args: CallArguments) => Value, parts: ReadonlyMap<string, Value> = new Map()) {
    this.name = name;
    this.call = call;
    this.parts = parts;
  }
}

/** A dict: keys that are equal in Python (1, 1.0, True) are one key, the first. */
export class Dict {
  readonly #entries = new Map<unknown, [Value, Value]>();

  get size(): number {
    return this.#entries.size;
  }

  static of(entries: Iterable<readonly [Value, Value]>): Dict {
    const dict = new Dict();
    for (const [key, value] of entries) dict.set(key, value);
    return dict;
  }

  get(key: Value): Value | undefined {
    return this.#entries.get(hash(key))?.[1];
  }

  has(key: Value): boolean {
    return this.#entries.has(hash(key));
  }

  set(key: Value, value: Value): void {
    const hashed = hash(key);
    const known = this.#entries.get(hashed);
    this.#entries.set(hashed, [known === undefined ? key : known[0], value]);
  }

  keys(): Value[] {
    return Array.from(this.#entries.values(), ([key]) => key);
  }

  values(): Value[] {
    return Array.from(this.#entries.values(), ([, value]) => value);
  }

  entries(): [Value, Value][] {
    return [...this.#entries.values()];
  }
}

/** Parts that a tuple may have as a key, those of tuples in it counted too. */
const MAX_KEY_PARTS = 1000;

function hashTuple(value: Tuple, parts: { left: number }): string {
  const hashes = value.items.map((item) => {
    if (--parts.left < 0) throw new JinjaError(`a tuple of more than ${MAX_KEY_PARTS} parts is no key here`);
    const hashed = item instanceof Tuple ? hashTuple(item, parts) : hash(item);
    if (typeof hashed === "object" && hashed !== null) throw new JinjaError("a tuple of such values is no key here");
    return String(hashed);
  });
  return `t${hashes.map((part) => `${part.length}:${part}`).join("")}`;
}

/** What equal values have in common. @throws JinjaError for what Python cannot hash. */
export function hash(value: Value): unknown {
  if (typeof value === "string") return `s${value}`;
  if (typeof value === "boolean") return Number(value);
  if (value instanceof Float) return value.value;
  if (value instanceof Undefined) return "undefined";
  if (value instanceof Tuple) return hashTuple(value, { left: MAX_KEY_PARTS });
  if (Array.isArray(value) || value instanceof Dict) throw new JinjaError(`TypeError: unhashable type: '${typeName(value)}'`);
  return value;
}

/** Python's name of a value's type. */
export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  if (typeof value === "string") return "str";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return "int";
  if (Array.isArray(value)) return "list";
  if (value instanceof Float) return "float";
  if (value instanceof Tuple) return "tuple";
  if (value instanceof Dict) return "dict";
  if (value instanceof Undefined) return "Undefined";
  if (value instanceof Range) return "range";
  if (value instanceof Iterator) return value.type;
  if (value instanceof Namespace) return "Namespace";
  if (value instanceof Callable) return "function";
  return value.typeName;
}

/** Python's truth. */
export function truth(value: Value): boolean {
  if (value === null || value === false || value === 0 || value === "") return false;
  if (Array.isArray(value) || value instanceof Range) return value.length > 0;
  if (value instanceof Float) return value.value !== 0;
  if (value instanceof Tuple) return value.items.length > 0;
  if (value instanceof Dict) return value.size > 0;
  if (value instanceof Undefined) return false;
  if (value instanceof Iterator) return value.view === undefined || value.view.length > 0;
  return true;
}

/** Fails for a value that is not there. */
export function defined<T extends Value>(value: T | Undefined): T {
  if (value instanceof Undefined) throw new JinjaError(`UndefinedError: ${value.message}`);
  return value;
}

/** A value, or another one where there is none; None is one. */
export function or(value: Value | undefined, otherwise: () => Value): Value {
  return value === undefined ? otherwise() : value;
}

/** The number of an int, bool or float; undefined for others. */
export function numeric(value: Value): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return Number(value);
  return value instanceof Float ? value.value : undefined;
}

/** An int that JavaScript's numbers hold exactly. */
export function int(value: number): number {
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  throw new JinjaError("a whole number is too large: above 2^53");
}

/** Values of JSON as Python reads them. @param depth how deep they may nest */
export function fromJson(json: unknown, depth = 100): Value {
  if (depth === 0) throw new JinjaError("values nest too deep");
  if (json === null || json === undefined) return null;
  if (typeof json === "string" || typeof json === "boolean") return json;
  if (typeof json === "number") return Number.isSafeInteger(json) ? json : new Float(json);
  if (Array.isArray(json)) return json.map((item) => fromJson(item, depth - 1));
  if (typeof json === "object") {
    return Dict.of(
      Object.entries(json)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => [key, fromJson(value, depth - 1)] as const),
    );
  }
  throw new JinjaError(`a ${typeof json} is no value of a template`);
}
