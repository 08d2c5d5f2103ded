import type { Budget } from "./budget.ts";
import { JinjaError } from "./errors.ts";
import { format, parseSpec } from "./format-spec.ts";
import { repr, str } from "./print.ts";
import { defined, type CallArguments, type Value } from "./values.ts";

/** How a field finds parts of its value. */
export interface Lookup {
  attribute(value: Value, name: string): Value;
  item(value: Value, key: Value): Value;
}

/** `text.format(...)`, as Python writes it. */
export function formatBraces(text: string, args: CallArguments, lookup: Lookup, budget: Budget): string {
  return new Formatter(args, lookup, budget).run(text, 2);
}

class Formatter {
  readonly #args: CallArguments;
  readonly #lookup: Lookup;
  readonly #budget: Budget;
  #next = 0;

  constructor(args: CallArguments, lookup: Lookup, budget: Budget) {
    this.#args = args;
    this.#lookup = lookup;
    this.#budget = budget;
  }

  /** @param depth how deep fields may stand in formats of fields */
  run(text: string, depth: number): string {
    if (depth === 0) throw new JinjaError("ValueError: Max string recursion exceeded");
    const parts: string[] = [];
    for (let i = 0; i < text.length;) {
      this.#budget.step();
      const brace = nextBrace(text, i);
      if (brace < 0) {
        parts.push(text.slice(i));
        break;
      }
      parts.push(text.slice(i, brace));
      if (text[brace + 1] === text[brace]) {
        parts.push(text[brace]!);
        i = brace + 2;
        continue;
      }
      if (text[brace] === "}") throw new JinjaError("ValueError: Single '}' encountered in format string");
      const end = closing(text, brace);
      parts.push(this.#budget.text(this.#field(text.slice(brace + 1, end), depth)));
      i = end + 1;
    }
    return this.#budget.text(parts.join(""));
  }

  #field(field: string, depth: number): string {
    const [, path, conversion, spec = ""] = /^([^!:]*)(?:!([^:]))?(?::([^]*))?$/u.exec(field) ?? [];
    if (path === undefined) throw new JinjaError(`ValueError: cannot read the field {${field.slice(0, 40)}}`);
    const value = this.#value(path);
    const shown =
      conversion === "s" ? str(value, this.#budget) : conversion === "r" || conversion === "a" ? repr(value, this.#budget) : value;
    const written = spec === "" ? "" : this.run(spec, depth - 1);
    return written === "" ? str(defined(shown), this.#budget) : format(shown, parseSpec(written), this.#budget);
  }

  #value(path: string): Value {
    const [, name = "", rest = ""] = /^([^.[]*)([^]*)$/.exec(path)!;
    let value = this.#argument(name);
    for (const [, attribute, key] of rest.matchAll(/\.([^.[]+)|\[([^\]]*)\]/g)) {
      value =
        attribute !== undefined
          ? this.#lookup.attribute(value, attribute)
          : this.#lookup.item(value, /^\d+$/.test(key!) ? Number(key) : key!);
      defined(value);
    }
    return value;
  }

  #argument(name: string): Value {
    const { positional, named } = this.#args;
    const at = name === "" ? this.#next++ : /^\d+$/.test(name) ? Number(name) : undefined;
    const value = at === undefined ? named.get(name) : positional[at];
    if (value !== undefined) return value;
    throw new JinjaError(
      at === undefined ? `KeyError: ${name.slice(0, 40)}` : "IndexError: Replacement index out of range for positional args tuple",
    );
  }
}

function nextBrace(text: string, from: number): number {
  for (let i = from; i < text.length; i++) if (text[i] === "{" || text[i] === "}") return i;
  return -1;
}

function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === "{") depth++;
    else if (text[i] === "}" && --depth === 0) return i;
  }
  throw new JinjaError("ValueError: expected '}' before end of string");
}
