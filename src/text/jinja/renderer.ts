import type { Body, ForStatement, Signature, Statement, Target } from "./ast.ts";
import { Budget, RENDER_LIMITS } from "./budget.ts";
import { JinjaError } from "./errors.ts";
import { Evaluator } from "./evaluator.ts";
import { globals } from "./globals.ts";
import { Loop } from "./loop.ts";
import { str } from "./print.ts";
import { Scope } from "./scope.ts";
import { items } from "./sequences.ts";
import { Callable, Dict, Namespace, or, Tuple, truth, Undefined, type CallArguments, type Value } from "./values.ts";

/** What a statement does to the loop around it. */
type Signal = "break" | "continue" | undefined;

/**
 * Renders a template as jinja2 does in the sandbox of transformers.
 * @param values by name; functions and constants of transformers are added
 * @throws Refusal for `raise_exception`, JinjaError for what fails or takes more than RENDER_LIMITS
 */
export function render(body: Body, values: ReadonlyMap<string, Value>): string {
  const budget = new Budget();
  const scope = new Scope();
  for (const [name, value] of [...globals(budget), ...values]) scope.set(name, value);
  const renderer = new Renderer(new Evaluator(budget));
  return renderer.text(body, new Scope(scope));
}

class Renderer {
  readonly #evaluator: Evaluator;
  /** Text that is being written: the outermost and those of blocks inside. */
  #parts: string[] = [];
  #written = 0;

  constructor(evaluator: Evaluator) {
    this.#evaluator = evaluator;
  }

  /** What a body writes. */
  text(body: Body, scope: Scope): string {
    const outer = this.#parts;
    this.#parts = [];
    this.#run(body, scope);
    const text = this.#evaluator.budget.text(this.#parts.join(""));
    this.#parts = outer;
    this.#written -= text.length;
    return text;
  }

  #write(text: string): void {
    this.#written += text.length;
    if (this.#written > RENDER_LIMITS.text) throw new JinjaError(`it writes more than ${RENDER_LIMITS.text} characters`);
    if (text !== "") this.#parts.push(text);
  }

  #run(body: Body, scope: Scope): Signal {
    for (const statement of body) {
      const signal = this.#statement(statement, scope);
      if (signal !== undefined) return signal;
    }
    return undefined;
  }

  #statement(statement: Statement, scope: Scope): Signal {
    const evaluator = this.#evaluator;
    evaluator.budget.step();
    switch (statement.kind) {
      case "text":
        this.#write(statement.text);
        return undefined;
      case "output":
        this.#write(str(evaluator.evaluate(statement.expression, scope), evaluator.budget));
        return undefined;
      case "if": {
        const branch = statement.branches.find(([test]) => truth(evaluator.evaluate(test, scope)));
        return this.#run(branch?.[1] ?? statement.otherwise, scope);
      }
      case "for":
        this.#for(statement, items(evaluator.evaluate(statement.iterable, scope), evaluator.budget), scope, 1);
        return undefined;
      case "set":
        this.#assign(statement.target, evaluator.evaluate(statement.value, scope), scope);
        return undefined;
      case "setBlock":
        this.#assign(statement.target, evaluator.filter(this.text(statement.body, new Scope(scope)), statement.filters, scope), scope);
        return undefined;
      case "macro":
        scope.set(statement.name, this.#macro(statement.name, statement.signature, statement.body, scope));
        return undefined;
      case "call":
        this.#call(statement, scope);
        return undefined;
      case "filter":
        this.#write(str(evaluator.filter(this.text(statement.body, new Scope(scope)), statement.filters, scope), evaluator.budget));
        return undefined;
      case "with": {
        const inner = new Scope(scope);
        const assigned = statement.targets.map(([target, value]) => [target, evaluator.evaluate(value, scope)] as const);
        for (const [target, value] of assigned) this.#assign(target, value, inner);
        return this.#run(statement.body, inner);
      }
      case "scope":
        return this.#run(statement.body, new Scope(scope));
      default:
        return statement.kind;
    }
  }

  #for(statement: ForStatement, all: readonly Value[], outer: Scope, depth: number): void {
    const { budget } = this.#evaluator;
    const { test } = statement;
    const chosen =
      test === undefined
        ? all
        : budget.list(
            all.filter((value) => {
              const scope = new Scope(outer);
              this.#assign(statement.target, value, scope);
              return truth(this.#evaluator.evaluate(test, scope));
            }),
          );
    const recurse = ({ positional }: CallArguments): Value => {
      const [inner] = positional;
      if (inner === undefined || positional.length > 1) throw new JinjaError("TypeError: loop() takes one argument");
      return this.#captured(() => this.#for(statement, items(inner, budget), outer, depth + 1));
    };
    const loop = new Loop(chosen, depth, statement.recursive ? recurse : undefined, budget);
    // By index: what is gone through may be long, and is not copied.
    for (loop.index0 = 0; loop.index0 < chosen.length; loop.index0++) {
      budget.step();
      const scope = new Scope(outer);
      scope.set("loop", loop);
      this.#assign(statement.target, chosen[loop.index0]!, scope);
      if (this.#run(statement.body, scope) === "break") break;
    }
    if (chosen.length === 0) this.#run(statement.otherwise, new Scope(outer));
  }

  #captured(run: () => void): string {
    const outer = this.#parts;
    this.#parts = [];
    run();
    const text = this.#evaluator.budget.text(this.#parts.join(""));
    this.#parts = outer;
    this.#written -= text.length;
    return text;
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    if (target.kind === "name") {
      scope.set(target.name, value);
      return;
    }
    if (target.kind === "namespace") {
      const namespace = scope.get(target.name);
      if (!(namespace instanceof Namespace)) throw new JinjaError("TemplateRuntimeError: cannot assign attribute on non-namespace object");
      namespace.attributes.set(target.attribute, value);
      return;
    }
    const parts = items(value, this.#evaluator.budget);
    if (parts.length !== target.items.length) throw new JinjaError(`ValueError: ${parts.length} values for ${target.items.length} names`);
    target.items.forEach((one, i) => this.#assign(one, parts[i]!, scope));
  }

  #call(statement: Extract<Statement, { kind: "call" }>, scope: Scope): void {
    const caller = this.#macro("caller", statement.signature, statement.body, scope);
    const { call } = statement;
    const step = call.kind === "postfix" ? call.steps.at(-1) : undefined;
    if (call.kind !== "postfix" || step?.kind !== "call") throw new JinjaError("expected a call");
    const called = this.#evaluator.evaluate({ ...call, steps: call.steps.slice(0, -1) }, scope);
    const args = this.#evaluator.arguments(step.args, scope);
    this.#write(
      str(this.#evaluator.call(called, { ...args, named: new Map([...args.named, ["caller", caller]]) }), this.#evaluator.budget),
    );
  }

  #macro(name: string, signature: Signature, body: Body, scope: Scope): Callable {
    const { names, defaults } = signature;
    const call = ({ positional, named }: CallArguments): Value => {
      const inner = new Scope(scope);
      const rest = new Map(named);
      names.forEach((argument, i) => {
        const given = i < positional.length ? positional[i] : named.get(argument);
        const usual = defaults[i - (names.length - defaults.length)];
        inner.set(
          argument,
          or(given, () =>
            usual === undefined ? new Undefined(`parameter '${argument}' was not provided`) : this.#evaluator.evaluate(usual, inner),
          ),
        );
        rest.delete(argument);
      });
      const caller = rest.get("caller");
      inner.set(
        "caller",
        or(caller, () => new Undefined("No caller defined")),
      );
      rest.delete("caller");
      const unknown = [...rest.keys()][0];
      if (unknown !== undefined && !uses(body, "kwargs"))
        throw new JinjaError(`TypeError: macro '${name}' takes no keyword argument '${unknown.slice(0, 40)}'`);
      if (positional.length > names.length && !uses(body, "varargs"))
        throw new JinjaError(`TypeError: macro '${name}' takes not more than ${names.length} argument(s)`);
      inner.set("varargs", new Tuple(positional.slice(names.length)));
      inner.set("kwargs", Dict.of(rest));
      return this.text(body, inner);
    };
    return new Callable(
      name,
      call,
      new Map<string, Value>([
        ["name", name],
        ["arguments", new Tuple(names)],
      ]),
    );
  }
}

const used = new WeakMap<Body, Map<string, boolean>>();

/** Whether a body names something; what a macro takes besides its arguments depends on it. */
function uses(body: Body, name: string): boolean {
  const known = used.get(body) ?? new Map<string, boolean>();
  used.set(body, known);
  let answer = known.get(name);
  if (answer === undefined) known.set(name, (answer = JSON.stringify(body).includes(`{"kind":"name","name":"${name}"}`)));
  return answer;
}
