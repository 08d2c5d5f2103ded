import tseslint from "typescript-eslint";
import { portable } from "./core/eslint-rules.js";

// The layers point one way: core <- assembly, src <- host <- cli (see RATIONALE.md).
const layer = (files, forbidden, message) => ({
  files,
  rules: { "no-restricted-imports": ["error", { patterns: forbidden.map((group) => ({ group: [group].flat(), message })) }] },
});
const RUNTIME_GLOBALS = [
  "process",
  "Buffer",
  "global",
  "require",
  "__dirname",
  "__filename",
  "setImmediate",
  "Deno",
  "Bun",
  "document",
  "window",
  "navigator",
  "localStorage",
  "self",
  "location",
];
const PRODUCTION = ["core", "assembly", "standalone", "src", "train", "host", "cli", "bench", "synthetic", "examples"].map(
  (room) => `${room}/**/*.{ts,js,mjs}`,
);
/** Files of more than 250 lines, each with its reason. */
const LONGER = {
  "core/architecture.ts": "one class: each field with its range, and what follows from it",
  "assembly/kernels/relaxed/matmul_q8.ts": "inner loops that share their sums by being inlined into one function",
  "assembly/model/attention.ts": "two kinds of attention that share the walk over a cache",
  "src/format/hf/config.ts": "one table of published names, checked in one schema",
  "src/server/server.ts": "routes, and what every one of them passes through",
  "src/text/jinja/expressions.ts": "a grammar whose rules all call each other: in two files they would be a circle",
  "standalone/decode/generation.ts": "a generation's state, which each of its steps changes",
};
const EARLY_IN_SRC = [
  ["node:*", "fs", "fs/*", "path", "os", "worker_threads"],
  ["**/host/**", "**/cli/**"],
];

// Views of linear memory die when it grows: Engine makes them where they are used, and nobody keeps or hands on one (src/engine/RATIONALE.md).
const VIEW =
  "[callee.property.name=/^(bytes|f32|u32|u64|view)$/]:matches([callee.object.name='engine'], [callee.object.property.name='engine'])";
const KEPT = [
  "AssignmentExpression[left.object.type='ThisExpression'] > CallExpression.right",
  "PropertyDefinition > CallExpression",
  "Property > CallExpression.value",
  "ReturnStatement > CallExpression",
];
const NO_KEPT_VIEWS = [
  {
    selector: "MemberExpression[property.name='buffer']:matches([object.name='memory'], [object.property.name='memory'])",
    message: "Ask the Engine for a view: bytes, f32, u32, u64 or view.",
  },
  ...KEPT.map((call) => ({ selector: call + VIEW, message: "A view that is kept dies when memory grows: copy it with .slice()." })),
];

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", "bench/peers/node_modules/", "bench/dist/", "distil/"] },
  ...tseslint.configs.recommended,
  {
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "max-lines": ["error", { max: 400, skipBlankLines: true, skipComments: true }],
      eqeqeq: "error",
    },
  },
  { files: PRODUCTION, ignores: Object.keys(LONGER), rules: { "max-lines": ["error", { max: 250 }] } },
  { files: PRODUCTION, rules: { "max-len": ["error", { code: 140 }] } },
  layer(["src/**/*.ts", "train/**/*.ts"], EARLY_IN_SRC, "src/ and train/ are portable: only core/ and each other."),
  {
    files: ["src/**/*.ts", "train/**/*.ts"],
    rules: {
      "no-restricted-globals": [
        "error",
        ...RUNTIME_GLOBALS.map((name) => ({ name, message: "src/ uses web-standard globals only; put this in host/." })),
      ],
    },
  },
  {
    files: ["src/**/*.ts", "train/**/*.ts", "host/**/*.ts", "cli/**/*.ts"],
    ignores: ["src/engine/{engine,memory,product,team,view-writer}.ts", "src/load/file-read.ts"],
    rules: { "no-restricted-syntax": ["error", ...NO_KEPT_VIEWS] },
  },
  ...portable,
  {
    // AssemblyScript. What TypeScript's recommended rules know better than asc is off; what holds for any code is on.
    files: ["assembly/**/*.ts", "standalone/**/*.ts", "bench/tile/*.ts"],
    // A decorator before a function is none of TypeScript's.
    languageOptions: { parserOptions: { allowInvalidAST: true } },
    rules: {
      // In asc, === of strings asks for the same object.
      eqeqeq: "off",
      // asc has no `import type`; tsc has no decorators of functions.
      "@typescript-eslint/consistent-type-imports": "off",
      "@typescript-eslint/ban-ts-comment": ["error", { "ts-ignore": "allow-with-description" }],
      "no-restricted-syntax": [
        "error",
        {
          selector: "ExportNamedDeclaration > VariableDeclaration[kind='let']",
          message: "An exported variable is a result that everybody sees change: return it.",
        },
      ],
    },
  },
  layer(["assembly/kernels/**/*.ts"], [["**/model/**"]], "Kernels know no model."),
  layer(["host/**/*.ts"], [["**/cli/**"]], "host/ must not know the command line."),
);
