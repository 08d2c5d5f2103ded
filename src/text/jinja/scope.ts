import type { Value } from "./values.ts";

/** Names that a part of a template has set, and those around it. */
export class Scope {
  readonly #names = new Map<string, Value>();
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  get(name: string): Value | undefined {
    return find(this, name);
  }

  /** The scope around this one. */
  get outer(): Scope | undefined {
    return this.#outer;
  }

  own(name: string): Value | undefined {
    return this.#names.get(name);
  }

  set(name: string, value: Value): void {
    this.#names.set(name, value);
  }
}

/** Not recursive: macros that call each other nest scopes deep. */
function find(from: Scope, name: string): Value | undefined {
  for (let scope: Scope | undefined = from; scope !== undefined; scope = scope.outer) {
    const value = scope.own(name);
    if (value !== undefined) return value;
  }
  return undefined;
}
