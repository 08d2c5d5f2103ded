import { JinjaError } from "./errors.ts";
import { numeric, typeName, type CallArguments, type Value } from "./values.ts";

/** Arguments of a call, put to the names of who is called. */
export class Bound {
  readonly #values: ReadonlyMap<string, Value>;
  readonly #of: string;

  constructor(of: string, values: ReadonlyMap<string, Value>) {
    this.#of = of;
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** @param otherwise when it was not given */
  value(name: string, otherwise?: Value): Value {
    const value = this.#values.get(name) ?? (this.#values.has(name) ? null : otherwise);
    if (value !== undefined) return value;
    throw new JinjaError(`TypeError: ${this.#of}() missing required argument: '${name}'`);
  }

  text(name: string, otherwise?: string): string {
    const value = this.value(name, otherwise);
    if (typeof value === "string") return value;
    throw new JinjaError(`TypeError: ${this.#of}() argument '${name}' must be str, not ${typeName(value)}`);
  }

  /** A text, or null where None or nothing is given. */
  textOrNone(name: string): string | null {
    return this.value(name, null) === null ? null : this.text(name);
  }

  int(name: string, otherwise?: number): number {
    const value = this.value(name, otherwise);
    if (typeof value === "number" || typeof value === "boolean") return Number(value);
    throw new JinjaError(`TypeError: '${typeName(value)}' object cannot be interpreted as an integer`);
  }

  number(name: string, otherwise?: number): number {
    const value = numeric(this.value(name, otherwise));
    if (value !== undefined) return value;
    throw new JinjaError(`TypeError: ${this.#of}() argument '${name}' must be a number`);
  }
}

/**
 * Puts arguments to names. @throws JinjaError for too many, unknown and doubled ones.
 * @param signature names in order, blanks between; those that Python takes by name too
 */
export function bind(of: string, signature: string, args: CallArguments): Bound {
  const names = signature === "" ? [] : signature.split(" ");
  const { positional, named } = args;
  if (positional.length > names.length)
    throw new JinjaError(`TypeError: ${of}() takes at most ${names.length} arguments (${positional.length} given)`);
  const values = new Map<string, Value>(positional.map((value, i) => [names[i]!, value]));
  for (const [name, value] of named) {
    if (!names.includes(name)) throw new JinjaError(`TypeError: ${of}() got an unexpected keyword argument '${name.slice(0, 40)}'`);
    if (values.has(name)) throw new JinjaError(`TypeError: ${of}() got multiple values for argument '${name}'`);
    values.set(name, value);
  }
  return new Bound(of, values);
}
