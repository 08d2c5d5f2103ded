import { bind } from "./arguments.ts";
import type { Budget } from "./budget.ts";
import { RENDER_LIMITS } from "./budget.ts";
import { JinjaError, Refusal } from "./errors.ts";
import { str } from "./print.ts";
import { items } from "./sequences.ts";
import { strftime } from "./strftime.ts";
import { Callable, Dict, Namespace, Range, typeName, Undefined, type Attributes, type CallArguments, type Value } from "./values.ts";

/** What every template may name: jinja2's functions, and those that transformers adds. */
export function globals(budget: Budget): Map<string, Value> {
  const functions: Record<string, (args: CallArguments) => Value> = {
    range: ({ positional }) => range(positional),
    namespace: (args) => {
      const namespace = new Namespace();
      for (const [name, value] of dict(args, budget).entries()) namespace.attributes.set(str(name, budget), value);
      return namespace;
    },
    dict: (args) => dict(args, budget),
    cycler: ({ positional }) => cycler(positional),
    joiner: (args) => joiner(bind("joiner", "sep", args).text("sep", ", ")),
    raise_exception: (args) => {
      throw new Refusal(str(bind("raise_exception", "message", args).value("message"), budget));
    },
    strftime_now: (args) => budget.text(strftime(new Date(), bind("strftime_now", "format", args).text("format"))),
  };
  return new Map(Object.entries(functions).map(([name, call]) => [name, new Callable(name, call)]));
}

function range(args: readonly Value[]): Range {
  const numbers = args.map((value) => {
    if (typeof value === "number" || typeof value === "boolean") return Number(value);
    throw new JinjaError(`TypeError: '${typeName(value)}' object cannot be interpreted as an integer`);
  });
  if (numbers.length < 1 || numbers.length > 3) throw new JinjaError("TypeError: range expected 1 to 3 arguments");
  const [start, stop] = numbers.length === 1 ? [0, numbers[0]!] : [numbers[0]!, numbers[1]!];
  const step = numbers[2] ?? 1;
  if (step === 0) throw new JinjaError("ValueError: range() arg 3 must not be zero");
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (length > RENDER_LIMITS.range)
    throw new JinjaError(`OverflowError: Range too big. The sandbox blocks ranges larger than MAX_RANGE (${RENDER_LIMITS.range}).`);
  return new Range(start, step, length);
}

function dict({ positional, named }: CallArguments, budget: Budget): Dict {
  const [first] = positional;
  if (positional.length > 1) throw new JinjaError(`TypeError: dict expected at most 1 argument, got ${positional.length}`);
  if (first instanceof Undefined) throw new JinjaError(`UndefinedError: ${first.message}`);
  const entries =
    first === undefined
      ? []
      : first instanceof Dict
        ? first.entries()
        : items(first, budget).map((pair) => {
            const [key, value, ...more] = items(pair, budget);
            if (key === undefined || value === undefined || more.length > 0)
              throw new JinjaError("ValueError: dictionary update sequence element must have two items");
            return [key, value] as [Value, Value];
          });
  budget.take(16 * (entries.length + named.size));
  return Dict.of([...entries, ...named]);
}

function cycler(values: readonly Value[]): Attributes {
  let at = 0;
  const next = new Callable("next", () => values[at++ % values.length]!);
  const reset = new Callable("reset", () => ((at = 0), null));
  if (values.length === 0) throw new JinjaError("RuntimeError: at least one item has to be provided");
  return {
    typeName: "Cycler",
    attribute: (name) => (name === "next" ? next : name === "reset" ? reset : name === "current" ? values[at % values.length]! : undefined),
  };
}

function joiner(separator: string): Callable {
  let used = false;
  return new Callable("joiner", () => (used ? separator : ((used = true), "")));
}
