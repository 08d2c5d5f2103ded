import type { Body, Expression, Signature, Statement, Step, Target } from "./ast.ts";
import { Cursor } from "./cursor.ts";
import { parseExpression, parseFilterChain, parseTuple } from "./expressions.ts";

/** Reads a template. @throws JinjaError naming the line of what is wrong. */
export function parse(source: string): Body {
  const parser = new Parser(new Cursor(source));
  return parser.body([]);
}

class Parser {
  readonly #cursor: Cursor;
  /** Loops around this place: where break and continue may stand. */
  #loops = 0;

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
  }

  /** Statements up to one of the tags, whose name is left to be read. */
  body(ends: readonly string[]): Body {
    const cursor = this.#cursor;
    const statements: Statement[] = [];
    for (;;) {
      const token = cursor.take();
      if (token.type === "text") statements.push({ kind: "text", text: token.value });
      else if (token.type === "output") {
        statements.push({ kind: "output", expression: parseTuple(cursor) });
        cursor.expect("output end");
      } else if (token.type === "block") {
        if (cursor.is("name") && ends.includes(cursor.current.value)) return statements;
        statements.push(...cursor.nested(() => this.#statement()));
      } else if (ends.length > 0) {
        throw cursor.error(`the template ends where ${ends.join(" or ")} is missing`);
      } else {
        return statements;
      }
    }
  }

  #statement(): Statement[] {
    const cursor = this.#cursor;
    const name = cursor.expect("name");
    switch (name) {
      case "if":
        return [this.#if()];
      case "for":
        return [this.#for()];
      case "set":
        return [this.#set()];
      case "macro": {
        const macro = cursor.expect("name");
        const signature = this.#signature();
        return [{ kind: "macro", name: macro, signature, body: this.#block("endmacro") }];
      }
      case "call": {
        const signature = cursor.is("operator", "(") ? this.#signature() : { names: [], defaults: [] };
        const call = parseExpression(cursor);
        if (call.kind !== "postfix" || call.steps.at(-1)?.kind !== "call") throw cursor.error("expected a call");
        return [{ kind: "call", signature, call, body: this.#block("endcall") }];
      }
      case "filter": {
        const filters = parseFilterChain(cursor);
        return [{ kind: "filter", filters, body: this.#block("endfilter") }];
      }
      case "with":
        return [this.#with()];
      case "block":
        cursor.expect("name");
        while (cursor.skip("name", "scoped") || cursor.skip("name", "required")) continue;
        return [{ kind: "scope", body: this.#block("endblock", true) }];
      case "generation":
        return [{ kind: "scope", body: this.#block("endgeneration") }];
      case "autoescape":
        parseExpression(cursor);
        return [{ kind: "scope", body: this.#block("endautoescape") }];
      case "print": {
        const expression = parseTuple(cursor);
        cursor.expect("block end");
        return [{ kind: "output", expression }];
      }
      case "break":
      case "continue":
        if (this.#loops === 0) throw cursor.error(`${name} stands outside a loop`);
        cursor.expect("block end");
        return [{ kind: name }];
      default:
        throw cursor.error(`unknown tag ${JSON.stringify(name.slice(0, 40))}`);
    }
  }

  /** The rest of a tag, the body, and its end tag. */
  #block(end: string, named = false): Body {
    const loops = this.#loops;
    // A body that is called elsewhere has no loop around it.
    this.#loops = 0;
    this.#cursor.expect("block end");
    const body = this.body([end]);
    this.#loops = loops;
    this.#cursor.take();
    if (named) this.#cursor.skip("name");
    this.#cursor.expect("block end");
    return body;
  }

  #if(): Statement {
    const cursor = this.#cursor;
    const branches: [Expression, Body][] = [];
    for (;;) {
      const test = parseTuple(cursor, { conditional: false });
      cursor.expect("block end");
      branches.push([test, this.body(["elif", "else", "endif"])]);
      const next = cursor.take().value;
      if (next === "elif") continue;
      const otherwise = next === "else" ? this.#else("endif") : [];
      cursor.expect("block end");
      return { kind: "if", branches, otherwise };
    }
  }

  #else(end: string): Body {
    this.#cursor.expect("block end");
    const body = this.body([end]);
    this.#cursor.take();
    return body;
  }

  #for(): Statement {
    const cursor = this.#cursor;
    const target = this.#target(["in"]);
    cursor.expect("name", "in");
    const iterable = parseTuple(cursor, { conditional: false, ends: ["recursive"] });
    const test = cursor.skip("name", "if") ? parseExpression(cursor) : undefined;
    const recursive = cursor.skip("name", "recursive");
    cursor.expect("block end");
    this.#loops++;
    const body = this.body(["else", "endfor"]);
    this.#loops--;
    const otherwise = cursor.take().value === "else" ? this.#else("endfor") : [];
    cursor.expect("block end");
    return { kind: "for", target, iterable, test, recursive, body, otherwise };
  }

  #set(): Statement {
    const cursor = this.#cursor;
    const target = this.#target([]);
    if (cursor.skip("operator", "=")) {
      const value = parseTuple(cursor);
      cursor.expect("block end");
      return { kind: "set", target, value };
    }
    const filters: Step[] = cursor.skip("operator", "|") ? parseFilterChain(cursor) : [];
    return { kind: "setBlock", target, filters, body: this.#block("endset") };
  }

  #with(): Statement {
    const cursor = this.#cursor;
    const targets: [Target, Expression][] = [];
    while (!cursor.is("block end")) {
      if (targets.length > 0) cursor.expect("operator", ",");
      const target = this.#target(["="], true);
      cursor.expect("operator", "=");
      targets.push([target, parseExpression(cursor)]);
    }
    const loops = this.#loops;
    cursor.expect("block end");
    const body = this.body(["endwith"]);
    this.#loops = loops;
    cursor.take();
    cursor.expect("block end");
    return { kind: "with", targets, body };
  }

  /** What is assigned to: a name, an attribute of a namespace, or a tuple of them. */
  #target(ends: readonly string[], single = false): Target {
    const cursor = this.#cursor;
    const items: Target[] = [];
    let tuple = false;
    for (;;) {
      if (cursor.skip("operator", "(")) {
        items.push(cursor.nested(() => this.#target([")"])));
        cursor.expect("operator", ")");
      } else {
        const name = cursor.expect("name");
        items.push(cursor.skip("operator", ".") ? { kind: "namespace", name, attribute: cursor.expect("name") } : { kind: "name", name });
      }
      if (single || !cursor.skip("operator", ",")) break;
      tuple = true;
      if (ends.includes(cursor.current.value) || cursor.is("operator", "=") || cursor.is("operator", ")")) break;
    }
    return tuple ? { kind: "tuple", items } : items[0]!;
  }

  #signature(): Signature {
    const cursor = this.#cursor;
    const names: string[] = [];
    const defaults: Expression[] = [];
    cursor.expect("operator", "(");
    while (!cursor.is("operator", ")")) {
      if (names.length > 0) cursor.expect("operator", ",");
      names.push(cursor.expect("name"));
      if (cursor.skip("operator", "=")) defaults.push(parseExpression(cursor));
      else if (defaults.length > 0) throw cursor.error("an argument without default follows one that has a default");
    }
    cursor.take();
    return { names, defaults };
  }
}
