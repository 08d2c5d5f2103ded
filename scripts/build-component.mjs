// Builds the component blockffn:runtime (wit/runtime.wit): the engine and standalone in one core module, made a component, and ES modules,
// by jco.
// Needs the packages of test/runtime/component: run `npm ci` there first.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import binaryen from "binaryen";
import { STANDALONE_FLAGS } from "./standalone-flags.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);
const INTERFACE = "blockffn:runtime/inference@0.1.0";
/** Names of the component model, which AssemblyScript cannot give. */
const NAMES = {
  realloc: "cabi_realloc",
  modelLoad: `${INTERFACE}#[static]model.load`,
  modelOpen: `${INTERFACE}#[static]model.open`,
  modelEncode: `${INTERFACE}#[method]model.encode`,
  modelGenerate: `${INTERFACE}#[method]model.generate`,
  modelChatOptions: `${INTERFACE}#[method]model.chat-options`,
  modelChat: `${INTERFACE}#[method]model.chat`,
  modelDrop: `${INTERFACE}#[dtor]model`,
  chatAsk: `${INTERFACE}#[method]chat.ask`,
  chatReset: `${INTERFACE}#[method]chat.reset`,
  chatReused: `${INTERFACE}#[method]chat.reused`,
  chatDrop: `${INTERFACE}#[dtor]chat`,
  generationNext: `${INTERFACE}#[method]generation.next`,
  generationStatistics: `${INTERFACE}#[method]generation.statistics`,
  generationDrop: `${INTERFACE}#[dtor]generation`,
};
const FEATURES = [
  "--mvp-features",
  "--enable-bulk-memory",
  "--enable-sign-ext",
  "--enable-mutable-globals",
  "--enable-nontrapping-float-to-int",
  "--enable-simd",
];

/** jco's library: wasm-tools and the transpiler. Its exports map has no entry for `require.resolve`. */
const jco = join(root, "test/runtime/component/node_modules/@bytecodealliance/jco-transpile/dist");
if (!existsSync(jco)) throw new Error("@bytecodealliance/jco-transpile is not installed: run npm ci in test/runtime/component");
const { componentEmbed, componentNew } = await import(pathToFileURL(join(jco, "wasm-tools.js")).href);
const { transpileBytes } = await import(pathToFileURL(join(jco, "transpile.js")).href);

mkdirSync(join(root, "dist/wasi"), { recursive: true });
const core = join(root, "dist/wasi/blockffn.component.core.wasm");
execFileSync(
  process.execPath,
  [
    join(dirname(require.resolve("assemblyscript/package.json")), "bin/asc.js"),
    "standalone/component/exports.ts",
    ...STANDALONE_FLAGS,
    "--use",
    "abort=standalone/component/abi/abort",
    "--debug",
    "--outFile",
    core,
  ],
  { cwd: root, stdio: "inherit" },
);
execFileSync(
  process.execPath,
  [
    join(dirname(require.resolve("binaryen/package.json")), "bin/wasm-opt"),
    core,
    "-o",
    core,
    "--no-inline=*/panel*",
    "-O3",
    "--low-memory-unused",
    "--strip-debug",
    "--strip-producers",
    ...FEATURES,
  ],
  { stdio: "inherit" },
);

const module = binaryen.readBinary(readFileSync(core));
for (const [name, full] of Object.entries(NAMES)) {
  const { value } = binaryen.getExportInfo(module.getExport(name));
  module.removeExport(name);
  module.addFunctionExport(value, full);
}
const binary = module.emitBinary();
const embedded = await componentEmbed({
  binary,
  witSource: readFileSync(join(root, "wit/runtime.wit"), "utf8"),
  worldName: "runtime",
  stringEncoding: "utf8",
});
const component = await componentNew(embedded, []);
writeFileSync(join(root, "dist/wasi/blockffn.component.wasm"), component);
console.log(`blockffn.component.wasm ${component.length} bytes`);

// For JavaScript hosts without components: ES modules that take the imports when they are instantiated.
const { files } = await transpileBytes(component, {
  name: "runtime",
  instantiation: { tag: "async" },
  wasiShim: false,
  validLiftingOptimization: false,
});
for (const [name, bytes] of Object.entries(files)) {
  const path = join(root, "dist/wasi/component", name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}
