// Builds every tier of the engine, each without and with threads: AssemblyScript to WebAssembly, then binaryen's wasm-opt.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);
const bin = (pkg, name) => {
  const manifest = require.resolve(`${pkg}/package.json`);
  const entry = JSON.parse(readFileSync(manifest, "utf8")).bin;
  return join(dirname(manifest), typeof entry === "string" ? entry : entry[name]);
};

// What a runtime must have: a target of asconfig.json is a tier.
const BASE = [
  "--mvp-features",
  "--enable-bulk-memory",
  "--enable-sign-ext",
  "--enable-mutable-globals",
  "--enable-nontrapping-float-to-int",
];
const TIERS = { scalar: [], simd: ["--enable-simd"], relaxed: ["--enable-simd", "--enable-relaxed-simd"] };
const VARIANTS = {
  "": { compile: [], optimize: [] },
  ".threads": { compile: ["--enable", "threads", "--sharedMemory"], optimize: ["--enable-threads"] },
};

mkdirSync(join(root, "dist/engine"), { recursive: true });
for (const [tier, features] of Object.entries(TIERS)) {
  for (const [suffix, variant] of Object.entries(VARIANTS)) {
    const file = join(root, `dist/engine/engine.${tier}${suffix}.wasm`);
    execFileSync(
      process.execPath,
      [
        bin("assemblyscript", "asc"),
        "--config",
        join(root, "asconfig.json"),
        "--target",
        tier,
        "--outFile",
        file,
        ...variant.compile,
        "--debug",
        "--disableWarning",
        "210",
      ],
      { cwd: root, stdio: "inherit" },
    );
    // --no-inline: a panel kernel needs all 16 vector registers; inlined into its caller's loops it spills (a fifth slower).
    // --low-memory-unused: nothing lives below 1024 (memoryBase), so constant offsets may fold into loads and stores.
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
        ...BASE,
        ...features,
        ...variant.optimize,
      ],
      { stdio: "inherit" },
    );
    console.log(`${file.slice(root.length + 1)} ${statSync(file).size} bytes`);
  }
}
