import type { Budget } from "./budget.ts";
import { JinjaError } from "./errors.ts";
import { equal } from "./operators.ts";
import { Callable, or, Undefined, type Attributes, type CallArguments, type Value } from "./values.ts";

/** What `loop` is inside a loop. */
export class Loop implements Attributes {
  readonly typeName = "LoopContext";
  readonly #items: readonly Value[];
  readonly #depth: number;
  readonly #budget: Budget;
  #changed: readonly Value[] | undefined;
  index0 = 0;
  /** Renders the loop's body for other items, where it is recursive. */
  readonly recurse: ((args: CallArguments) => Value) | undefined;

  constructor(items: readonly Value[], depth: number, recurse: ((args: CallArguments) => Value) | undefined, budget: Budget) {
    this.#items = items;
    this.#depth = depth;
    this.recurse = recurse;
    this.#budget = budget;
  }

  attribute(name: string): Value | undefined {
    const count = this.#items.length;
    const { index0 } = this;
    switch (name) {
      case "index":
        return index0 + 1;
      case "index0":
        return index0;
      case "first":
        return index0 === 0;
      case "last":
        return index0 === count - 1;
      case "length":
        return count;
      case "revindex":
        return count - index0;
      case "revindex0":
        return count - index0 - 1;
      case "depth":
        return this.#depth;
      case "depth0":
        return this.#depth - 1;
      case "previtem":
        return or(this.#items[index0 - 1], () => new Undefined("there is no previous item"));
      case "nextitem":
        return or(this.#items[index0 + 1], () => new Undefined("there is no next item"));
      case "cycle":
        return new Callable("cycle", ({ positional }) => {
          if (positional.length === 0) throw new JinjaError("TypeError: no items for cycling given");
          return positional[index0 % positional.length]!;
        });
      case "changed":
        return new Callable("changed", ({ positional }) => {
          const before = this.#changed;
          this.#changed = positional;
          return (
            before === undefined ||
            before.length !== positional.length ||
            !before.every((value, i) => equal(value, positional[i]!, this.#budget))
          );
        });
      default:
        return undefined;
    }
  }
}
