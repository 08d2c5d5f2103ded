import type { Value } from "./values.ts";

// Chains (operators of one rank, attributes, filters) are lists, not nests: their length costs no stack.

export type Expression =
  | { readonly kind: "const"; readonly value: Value }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "list" | "tuple"; readonly items: readonly Expression[] }
  | { readonly kind: "dict"; readonly items: readonly (readonly [Expression, Expression])[] }
  | { readonly kind: "condition"; readonly test: Expression; readonly then: Expression; readonly otherwise: Expression | undefined }
  | { readonly kind: "and" | "or" | "concat"; readonly items: readonly Expression[] }
  | { readonly kind: "not" | "negative" | "positive"; readonly operand: Expression }
  | { readonly kind: "compare" | "arithmetic"; readonly first: Expression; readonly rest: readonly (readonly [string, Expression])[] }
  | { readonly kind: "postfix"; readonly base: Expression; readonly steps: readonly Step[] };

/** What stands behind an expression. */
export type Step =
  | { readonly kind: "attribute"; readonly name: string }
  | { readonly kind: "item"; readonly index: Expression }
  | {
      readonly kind: "slice";
      readonly from: Expression | undefined;
      readonly to: Expression | undefined;
      readonly by: Expression | undefined;
    }
  | { readonly kind: "call"; readonly args: Arguments }
  | { readonly kind: "filter"; readonly name: string; readonly args: Arguments }
  | { readonly kind: "test"; readonly name: string; readonly args: Arguments; readonly negated: boolean };

export interface Arguments {
  readonly positional: readonly Expression[];
  readonly named: readonly (readonly [string, Expression])[];
  readonly star: Expression | undefined;
  readonly stars: Expression | undefined;
}

export type Target =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "namespace"; readonly name: string; readonly attribute: string }
  | { readonly kind: "tuple"; readonly items: readonly Target[] };

export interface Signature {
  readonly names: readonly string[];
  /** Of the last names. */
  readonly defaults: readonly Expression[];
}

export type Statement =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "output"; readonly expression: Expression }
  | { readonly kind: "if"; readonly branches: readonly (readonly [Expression, Body])[]; readonly otherwise: Body }
  | ForStatement
  | { readonly kind: "set"; readonly target: Target; readonly value: Expression }
  | { readonly kind: "setBlock"; readonly target: Target; readonly filters: readonly Step[]; readonly body: Body }
  | { readonly kind: "macro"; readonly name: string; readonly signature: Signature; readonly body: Body }
  | { readonly kind: "call"; readonly call: Expression; readonly signature: Signature; readonly body: Body }
  | { readonly kind: "filter"; readonly filters: readonly Step[]; readonly body: Body }
  | { readonly kind: "with"; readonly targets: readonly (readonly [Target, Expression])[]; readonly body: Body }
  | { readonly kind: "scope"; readonly body: Body }
  | { readonly kind: "break" | "continue" };

export interface ForStatement {
  readonly kind: "for";
  readonly target: Target;
  readonly iterable: Expression;
  readonly test: Expression | undefined;
  readonly recursive: boolean;
  readonly body: Body;
  readonly otherwise: Body;
}

export type Body = readonly Statement[];
