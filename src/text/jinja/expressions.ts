import type { Arguments, Expression, Step } from "./ast.ts";
import type { Cursor } from "./cursor.ts";
import { Float, int } from "./values.ts";

const CONSTANTS: ReadonlyMap<string, boolean | null> = new Map([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
  ["none", null],
  ["None", null],
]);
const COMPARISONS: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">="]);
const NO_ARGUMENTS: Arguments = { positional: [], named: [], star: undefined, stars: undefined };
/** Names that end an expression where a tuple may go on. */
type Ends = readonly string[];

/** An expression, with jinja2's order of operators. @param conditional whether `a if b else c` may stand there */
export function parseExpression(cursor: Cursor, conditional = true): Expression {
  return cursor.nested(() => (conditional ? parseConditional(cursor) : parseOr(cursor)));
}

/** An expression, or several with commas, which make a tuple. */
export function parseTuple(
  cursor: Cursor,
  options: { readonly conditional?: boolean; readonly ends?: Ends; readonly parentheses?: boolean } = {},
): Expression {
  const items: Expression[] = [];
  let tuple = false;
  for (;;) {
    if (items.length > 0 && !cursor.skip("operator", ",")) break;
    if (items.length > 0) tuple = true;
    if (endsTuple(cursor, options.ends ?? [])) break;
    items.push(parseExpression(cursor, options.conditional));
  }
  if (!tuple && items[0] !== undefined) return items[0];
  if (!tuple && options.parentheses !== true) throw cursor.error("expected an expression");
  return { kind: "tuple", items };
}

function endsTuple(cursor: Cursor, ends: Ends): boolean {
  const { type, value } = cursor.current;
  return (
    type === "block end" ||
    type === "output end" ||
    type === "end" ||
    (type === "operator" && value === ")") ||
    (type === "name" && ends.includes(value))
  );
}

function parseConditional(cursor: Cursor): Expression {
  let expression = parseOr(cursor);
  while (cursor.skip("name", "if")) {
    const test = parseOr(cursor);
    const otherwise = cursor.skip("name", "else") ? cursor.nested(() => parseConditional(cursor)) : undefined;
    const then = expression;
    expression = cursor.nested(() => ({ kind: "condition", test, then, otherwise }));
  }
  return expression;
}

function parseChain(cursor: Cursor, kind: "and" | "or" | "concat", operand: (cursor: Cursor) => Expression): Expression {
  const items = [operand(cursor)];
  while (kind === "concat" ? cursor.skip("operator", "~") : cursor.skip("name", kind)) items.push(operand(cursor));
  return items.length === 1 ? items[0]! : { kind, items };
}

function parseOr(cursor: Cursor): Expression {
  return parseChain(cursor, "or", (inner) => parseChain(inner, "and", parseNot));
}

function parseNot(cursor: Cursor): Expression {
  return cursor.skip("name", "not") ? { kind: "not", operand: cursor.nested(() => parseNot(cursor)) } : parseComparison(cursor);
}

function parseComparison(cursor: Cursor): Expression {
  const first = parseSum(cursor);
  const rest: [string, Expression][] = [];
  for (;;) {
    const { type, value } = cursor.current;
    if (type === "operator" && COMPARISONS.has(value)) {
      cursor.take();
      rest.push([value, parseSum(cursor)]);
    } else if (cursor.skip("name", "in")) {
      rest.push(["in", parseSum(cursor)]);
    } else if (type === "name" && value === "not" && cursor.following.type === "name" && cursor.following.value === "in") {
      cursor.take();
      cursor.take();
      rest.push(["not in", parseSum(cursor)]);
    } else {
      return rest.length === 0 ? first : { kind: "compare", first, rest };
    }
  }
}

function parseArithmetic(cursor: Cursor, operators: readonly string[], operand: (cursor: Cursor) => Expression): Expression {
  const first = operand(cursor);
  const rest: [string, Expression][] = [];
  while (cursor.current.type === "operator" && operators.includes(cursor.current.value)) rest.push([cursor.take().value, operand(cursor)]);
  return rest.length === 0 ? first : { kind: "arithmetic", first, rest };
}

function parseSum(cursor: Cursor): Expression {
  return parseArithmetic(cursor, ["+", "-"], parseConcatenation);
}

function parseConcatenation(cursor: Cursor): Expression {
  return parseChain(cursor, "concat", parseProduct);
}

function parseProduct(cursor: Cursor): Expression {
  return parseArithmetic(cursor, ["*", "/", "//", "%"], parsePower);
}

function parsePower(cursor: Cursor): Expression {
  return parseArithmetic(cursor, ["**"], (inner) => parseUnary(inner, true));
}

function parseUnary(cursor: Cursor, filters: boolean): Expression {
  let base: Expression;
  if (cursor.skip("operator", "-")) base = { kind: "negative", operand: cursor.nested(() => parseUnary(cursor, false)) };
  else if (cursor.skip("operator", "+")) base = { kind: "positive", operand: cursor.nested(() => parseUnary(cursor, false)) };
  else base = parsePrimary(cursor);
  const steps = parsePostfix(cursor);
  if (filters) parseFilters(cursor, steps);
  return withSteps(base, steps);
}

function withSteps(base: Expression, steps: readonly Step[]): Expression {
  return steps.length === 0 ? base : { kind: "postfix", base, steps };
}

function parsePrimary(cursor: Cursor): Expression {
  const { type, value } = cursor.take();
  if (type === "name") return CONSTANTS.has(value) ? { kind: "const", value: CONSTANTS.get(value)! } : { kind: "name", name: value };
  if (type === "string") {
    let text = value;
    while (cursor.is("string")) text += cursor.take().value;
    return { kind: "const", value: text };
  }
  if (type === "integer") return { kind: "const", value: int(Number(value)) };
  if (type === "float") return { kind: "const", value: new Float(Number(value)) };
  if (type === "operator" && value === "(") {
    const inner = parseTuple(cursor, { parentheses: true });
    cursor.expect("operator", ")");
    return inner;
  }
  if (type === "operator" && value === "[") return { kind: "list", items: parseItems(cursor, "]", () => parseExpression(cursor)) };
  if (type === "operator" && value === "{") {
    return {
      kind: "dict",
      items: parseItems(cursor, "}", () => {
        const key = parseExpression(cursor);
        cursor.expect("operator", ":");
        return [key, parseExpression(cursor)] as const;
      }),
    };
  }
  throw cursor.error(`expected an expression, found ${value === "" ? `the ${type}` : JSON.stringify(value.slice(0, 40))}`);
}

function parseItems<T>(cursor: Cursor, close: string, item: () => T): T[] {
  const items: T[] = [];
  while (!cursor.is("operator", close)) {
    if (items.length > 0) cursor.expect("operator", ",");
    if (cursor.is("operator", close)) break;
    items.push(item());
  }
  cursor.expect("operator", close);
  return items;
}

function parsePostfix(cursor: Cursor): Step[] {
  const steps: Step[] = [];
  for (;;) {
    if (cursor.skip("operator", ".")) {
      const { type, value } = cursor.take();
      if (type === "name") steps.push({ kind: "attribute", name: value });
      else if (type === "integer") steps.push({ kind: "item", index: { kind: "const", value: int(Number(value)) } });
      else throw cursor.error("expected a name or number after the dot");
    } else if (cursor.skip("operator", "[")) {
      steps.push(parseSubscript(cursor));
    } else if (cursor.is("operator", "(")) {
      steps.push({ kind: "call", args: parseArguments(cursor) });
    } else {
      return steps;
    }
  }
}

function parseSubscript(cursor: Cursor): Step {
  const bound = (): Expression | undefined =>
    cursor.is("operator", ":") || cursor.is("operator", "]") ? undefined : parseExpression(cursor);
  const from = bound();
  if (!cursor.skip("operator", ":")) {
    if (from === undefined) throw cursor.error("expected an index");
    const items = [from];
    while (cursor.skip("operator", ",")) items.push(parseExpression(cursor));
    cursor.expect("operator", "]");
    return { kind: "item", index: items.length === 1 ? from : { kind: "tuple", items } };
  }
  const to = bound();
  const by = cursor.skip("operator", ":") ? bound() : undefined;
  cursor.expect("operator", "]");
  return { kind: "slice", from, to, by };
}

/** Filters and tests, and what they are called with. */
function parseFilters(cursor: Cursor, steps: Step[]): void {
  for (;;) {
    if (cursor.skip("operator", "|")) steps.push(parseFilter(cursor));
    else if (cursor.skip("name", "is")) steps.push(parseTest(cursor));
    else if (cursor.is("operator", "(")) steps.push({ kind: "call", args: parseArguments(cursor) });
    else return;
  }
}

/** One filter or more, as they stand behind `filter` and `set x |`. */
export function parseFilterChain(cursor: Cursor): Step[] {
  const steps = [parseFilter(cursor)];
  while (cursor.skip("operator", "|")) steps.push(parseFilter(cursor));
  return steps;
}

function parseFilter(cursor: Cursor): Step {
  const name = parseDotted(cursor);
  return { kind: "filter", name, args: cursor.is("operator", "(") ? parseArguments(cursor) : NO_ARGUMENTS };
}

function parseTest(cursor: Cursor): Step {
  const negated = cursor.skip("name", "not");
  const name = parseDotted(cursor);
  if (cursor.is("operator", "(")) return { kind: "test", name, negated, args: parseArguments(cursor) };
  const { type, value } = cursor.current;
  const argument =
    type === "string" ||
    type === "integer" ||
    type === "float" ||
    (type === "name" && !["else", "or", "and"].includes(value)) ||
    (type === "operator" && ["[", "{"].includes(value));
  if (!argument) return { kind: "test", name, negated, args: NO_ARGUMENTS };
  if (type === "name" && value === "is") throw cursor.error("tests cannot be chained with is");
  const base = parsePrimary(cursor);
  return { kind: "test", name, negated, args: { ...NO_ARGUMENTS, positional: [withSteps(base, parsePostfix(cursor))] } };
}

function parseDotted(cursor: Cursor): string {
  let name = cursor.expect("name");
  while (cursor.skip("operator", ".")) name += `.${cursor.expect("name")}`;
  return name;
}

export function parseArguments(cursor: Cursor): Arguments {
  cursor.expect("operator", "(");
  const positional: Expression[] = [];
  const named: [string, Expression][] = [];
  let star: Expression | undefined;
  let stars: Expression | undefined;
  parseItems(cursor, ")", () => {
    if (cursor.skip("operator", "**")) stars = parseExpression(cursor);
    else if (cursor.skip("operator", "*")) star = parseExpression(cursor);
    else if (cursor.is("name") && cursor.following.type === "operator" && cursor.following.value === "=") {
      const name = cursor.take().value;
      cursor.take();
      named.push([name, parseExpression(cursor)]);
    } else if (named.length > 0 || stars !== undefined) throw cursor.error("positional arguments must come before named ones");
    else positional.push(parseExpression(cursor));
  });
  return { positional, named, star, stars };
}
