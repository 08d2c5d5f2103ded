// Builds the stand-alone WASI command: the engine and standalone in one module, without JavaScript.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { STANDALONE_FLAGS } from "./standalone-flags.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);
const bin = (pkg, name) => {
  const manifest = require.resolve(`${pkg}/package.json`);
  const entry = JSON.parse(readFileSync(manifest, "utf8")).bin;
  return join(dirname(manifest), typeof entry === "string" ? entry : entry[name]);
};

const FEATURES = [
  "--mvp-features",
  "--enable-bulk-memory",
  "--enable-sign-ext",
  "--enable-mutable-globals",
  "--enable-nontrapping-float-to-int",
  "--enable-simd",
];
/** Bytes that the command file may have. */
const MAX_BYTES = 200_000;

mkdirSync(join(root, "dist/wasi"), { recursive: true });
const file = join(root, "dist/wasi/blockffn.wasi.wasm");
execFileSync(
  process.execPath,
  [
    bin("assemblyscript", "asc"),
    "standalone/command/main.ts",
    ...STANDALONE_FLAGS,
    "--use",
    "abort=standalone/command/abort/abort",
    "--debug",
    "--disableWarning",
    "210",
    "--outFile",
    file,
  ],
  { cwd: root, stdio: "inherit" },
);
// The same options as the engine's, for the same reasons (build-engine.mjs).
execFileSync(
  process.execPath,
  [
    bin("binaryen", "wasm-opt"),
    file,
    "-o",
    file,
    "--no-inline=*/panel*",
    "-O3",
    "--low-memory-unused",
    "--strip-debug",
    "--strip-producers",
    ...FEATURES,
  ],
  { stdio: "inherit" },
);
const { size } = statSync(file);
console.log(`blockffn.wasi.wasm ${size} bytes`);
if (size > MAX_BYTES) throw new Error(`the WASI command has ${size} bytes; it may have ${MAX_BYTES}`);
