// What tsc takes and asc does not, or takes for something else (core/RATIONALE.md).
import ts from "typescript";

const NOT_PORTABLE = {
  "ImportDeclaration[importKind='type'], ImportSpecifier[importKind='type']": "asc has no `import type`: import the class itself.",
  "ExportNamedDeclaration[source], ExportAllDeclaration": 'asc does not resolve `export ... from "./x.ts"`.',
  "TSTypeAliasDeclaration, TSInterfaceDeclaration, TSEnumDeclaration":
    "An alias of i32 becomes an f64 in asc, and interfaces are not structural there: use a class, or constants.",
  "ArrayPattern, ObjectPattern, ObjectExpression, SpreadElement, RestElement":
    "asc has neither patterns nor object literals: use classes and indices.",
  "ArrowFunctionExpression, FunctionExpression:not(MethodDefinition > FunctionExpression)": "asc has no closures.",
  "ForOfStatement, ForInStatement": "asc has neither loop: count.",
  "ChainExpression, LogicalExpression[operator='??']": "asc has neither `?.` nor `??`.",
  "ThrowStatement, TryStatement": "asc has no exceptions: keep a Problem.",
  "AwaitExpression, YieldExpression": "asc has neither.",
  "TSTypeReference[typeName.name=/^(Record|Partial|Readonly|Iterable)$/], TSUnionType:not(:has(TSNullKeyword))":
    "asc has no such types; `T | null` alone.",
  "TSNumberKeyword, TSBooleanKeyword": "Say which: i32, f64 or bool.",
  "UnaryExpression[operator='typeof']": "Types are known when asc compiles.",
};
const DIVISION = {
  "BinaryExpression[operator='/']:not([left.raw=/[.]/]):not([right.raw=/[.]/]), AssignmentExpression[operator='/=']":
    "asc divides two i32 without a rest: use ceilDivide, or a constant with a point.",
};
const restricted = (list) => ["error", ...Object.entries(list).map(([selector, message]) => ({ selector, message }))];

/** In asc, `===` compares addresses: of strings and objects, too. */
const identity = {
  meta: {
    type: "problem",
    schema: [],
    messages: {
      string: "Strings are compared with == and !=; in asc, === asks for the same object.",
      other: "Numbers are compared with === and !==.",
    },
  },
  create(context) {
    const { esTreeNodeToTSNodeMap: nodes, program } = context.sourceCode.parserServices;
    const checker = program.getTypeChecker();
    const isString = (node) => (checker.getTypeAtLocation(nodes.get(node)).flags & ts.TypeFlags.StringLike) !== 0;
    return {
      BinaryExpression(node) {
        const loose = node.operator === "==" || node.operator === "!=";
        if (!loose && node.operator !== "===" && node.operator !== "!==") return;
        const strings = isString(node.left) || isString(node.right);
        if (strings !== loose) context.report({ node, messageId: strings ? "string" : "other" });
      },
    };
  },
};

/** ESLint configurations of core/. */
export const portable = [
  {
    files: ["core/**/*.ts"],
    ignores: ["**/*.d.ts"],
    plugins: { portable: { rules: { identity } } },
    languageOptions: { parserOptions: { project: "core/tsconfig.json" } },
    rules: {
      "portable/identity": "error",
      eqeqeq: "off",
      "@typescript-eslint/consistent-type-imports": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
      "no-restricted-syntax": restricted({ ...NOT_PORTABLE, ...DIVISION }),
      "no-restricted-imports": ["error", { patterns: [{ group: ["../**"], message: "core/ imports nothing but core/." }] }],
    },
  },
  // In numbers and sampling all is f64.
  { files: ["core/numbers.ts", "core/sampling/**"], rules: { "no-restricted-syntax": restricted(NOT_PORTABLE) } },
];
