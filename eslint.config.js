import tseslint from "typescript-eslint";

// The layers point one way: assembly <- src <- host <- cli (see RATIONALE.md).
const layer = (files, forbidden, message) => ({
  files,
  rules: {
    "no-restricted-imports": ["error", { patterns: forbidden.map((group) => ({ group: [group].flat(), message })) }],
  },
});
const RUNTIME_GLOBALS = [
  "process", "Buffer", "global", "require", "__dirname", "__filename", "setImmediate", "Deno", "Bun",
  "document", "window", "navigator", "localStorage", "self", "location",
];
const EARLY_IN_SRC = [["node:*", "fs", "fs/*", "path", "os", "worker_threads"], ["**/host/**", "**/cli/**"]];

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", "assembly/**", "standalone/**", "!assembly/layout.ts", "bench/peers/node_modules/"] },
  ...tseslint.configs.recommended,
  {
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "max-lines": ["error", { max: 400, skipBlankLines: true, skipComments: true }],
      eqeqeq: "error",
    },
  },
  layer(["src/**/*.ts"], EARLY_IN_SRC, "src/ is portable: only assembly/layout.ts and other src/ files."),
  {
    files: ["src/**/*.ts"],
    rules: { "no-restricted-globals": ["error", ...RUNTIME_GLOBALS.map((name) => ({ name, message: "src/ uses web-standard globals only; put this in host/." }))] },
  },
  layer(["host/**/*.ts"], [["**/cli/**"]], "host/ must not know the command line."),
);
