import type { Arguments, Expression, Step } from "./ast.ts";
import type { Budget } from "./budget.ts";
import { JinjaError } from "./errors.ts";
import type { Filters } from "./filter.ts";
import { createFilters } from "./filters.ts";
import { attribute, item } from "./lookup.ts";
import { Loop } from "./loop.ts";
import { arithmetic, comparison } from "./operators.ts";
import { str } from "./print.ts";
import type { Scope } from "./scope.ts";
import { items, slice } from "./sequences.ts";
import {
  Callable,
  defined,
  Dict,
  Float,
  numeric,
  or,
  Tuple,
  truth,
  typeName,
  Undefined,
  type CallArguments,
  type Value,
} from "./values.ts";

/** Evaluates expressions, for one rendering. */
export class Evaluator {
  readonly budget: Budget;
  readonly #filters: Filters;

  constructor(budget: Budget) {
    this.budget = budget;
    this.#filters = createFilters(budget);
  }

  evaluate(expression: Expression, scope: Scope): Value {
    this.budget.step();
    this.budget.enter();
    const value = this.#evaluate(expression, scope);
    this.budget.leave();
    return value;
  }

  /** Applies filters that stand behind a block. */
  filter(text: Value, steps: readonly Step[], scope: Scope): Value {
    return steps.reduce((value, step) => this.#step(value, step, scope), text);
  }

  arguments(args: Arguments, scope: Scope): CallArguments {
    const positional = args.positional.map((one) => this.evaluate(one, scope));
    const named = new Map<string, Value>();
    for (const [name, one] of args.named) {
      if (named.has(name)) throw new JinjaError(`SyntaxError: keyword argument repeated: ${name}`);
      named.set(name, this.evaluate(one, scope));
    }
    if (args.star !== undefined) positional.push(...this.budget.list([...items(this.evaluate(args.star, scope), this.budget)]));
    const more = args.stars === undefined ? undefined : this.evaluate(args.stars, scope);
    if (more instanceof Dict) for (const [name, value] of more.entries()) named.set(str(name, this.budget), value);
    else if (more !== undefined) throw new JinjaError(`TypeError: argument after ** must be a mapping, not ${typeName(more)}`);
    return { positional, named };
  }

  call(value: Value, args: CallArguments): Value {
    if (value instanceof Callable) return this.budget.nested(() => value.call(args));
    if (value instanceof Loop) {
      if (value.recurse === undefined)
        throw new JinjaError("TypeError: The loop must have the 'recursive' marker to be called recursively.");
      return this.budget.nested(() => value.recurse!(args));
    }
    throw new JinjaError(`TypeError: '${typeName(defined(value))}' object is not callable`);
  }

  #evaluate(expression: Expression, scope: Scope): Value {
    switch (expression.kind) {
      case "const":
        return expression.value;
      case "name":
        return or(scope.get(expression.name), () => new Undefined(`'${expression.name.slice(0, 60)}' is undefined`));
      case "list":
        return this.budget.list(expression.items.map((one) => this.evaluate(one, scope)));
      case "tuple":
        return new Tuple(this.budget.list(expression.items.map((one) => this.evaluate(one, scope))));
      case "dict":
        this.budget.take(16 * expression.items.length);
        return Dict.of(expression.items.map(([key, value]) => [this.evaluate(key, scope), this.evaluate(value, scope)] as const));
      case "condition":
        if (truth(this.evaluate(expression.test, scope))) return this.evaluate(expression.then, scope);
        return expression.otherwise === undefined
          ? new Undefined("the inline if-expression evaluated to false and no else section was defined.")
          : this.evaluate(expression.otherwise, scope);
      case "and":
      case "or":
        return this.#logic(expression.items, expression.kind === "or", scope);
      case "concat":
        return this.budget.text(expression.items.map((one) => this.budget.text(str(this.evaluate(one, scope), this.budget))).join(""));
      case "not":
        return !truth(this.evaluate(expression.operand, scope));
      case "negative":
      case "positive":
        return sign(this.evaluate(expression.operand, scope), expression.kind === "negative");
      case "compare":
        return this.#compare(expression, scope);
      case "arithmetic":
        return expression.rest.reduce(
          (value, [operator, one]) => arithmetic(operator, value, this.evaluate(one, scope), this.budget),
          this.evaluate(expression.first, scope),
        );
      case "postfix":
        return expression.steps.reduce((value, step) => this.#step(value, step, scope), this.evaluate(expression.base, scope));
    }
  }

  #logic(all: readonly Expression[], or: boolean, scope: Scope): Value {
    let value: Value = null;
    for (const one of all) {
      value = this.evaluate(one, scope);
      if (truth(value) === or) return value;
    }
    return value;
  }

  /** `a < b < c`: each with the next, up to the first that fails. */
  #compare(expression: Extract<Expression, { kind: "compare" | "arithmetic" }>, scope: Scope): boolean {
    let left = this.evaluate(expression.first, scope);
    for (const [operator, one] of expression.rest) {
      const right = this.evaluate(one, scope);
      if (!comparison(operator, left, right, this.budget)) return false;
      left = right;
    }
    return true;
  }

  #step(value: Value, step: Step, scope: Scope): Value {
    switch (step.kind) {
      case "attribute":
        return attribute(value, step.name, this.budget);
      case "item":
        return item(value, this.evaluate(step.index, scope), this.budget);
      case "slice": {
        const bounds = [step.from, step.to, step.by].map((bound) => (bound === undefined ? null : this.evaluate(bound, scope))) as [
          Value,
          Value,
          Value,
        ];
        return slice(defined(value), bounds, this.budget) ?? new Undefined(`'${typeName(value)} object' has no such element`);
      }
      case "call":
        return this.call(value, this.arguments(step.args, scope));
      case "filter":
        return this.#filters.filter(step.name, value, this.arguments(step.args, scope));
      case "test":
        return this.#filters.test(step.name, value, this.arguments(step.args, scope).positional) !== step.negated;
    }
  }
}

function sign(value: Value, negative: boolean): Value {
  const number = numeric(defined(value));
  if (number === undefined) throw new JinjaError(`TypeError: bad operand type for unary ${negative ? "-" : "+"}: '${typeName(value)}'`);
  const result = negative ? -number : number;
  return value instanceof Float ? new Float(result) : result === 0 ? 0 : result;
}
