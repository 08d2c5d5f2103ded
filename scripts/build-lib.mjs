// Bundles the library and the command line into dist/lib: what package.json's exports and bin name. Entries share chunks, so an error
// class, or a loaded engine, is the same from whichever entry it comes.
import { mkdirSync, rmSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { writeLicences } from "./licences.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = join(root, "dist/lib");

/**
 * What nearly every entry takes parts of. Each entry imports all of it, so it becomes one chunk instead of one for every set of entries.
 */
const CORE = "src/index.ts";
/** What the entries for Node share, in the same way. */
const NODE = "host/node/index.ts";
const ENTRIES = {
  index: { file: CORE, shares: CORE },
  node: { file: NODE, shares: NODE },
  server: { file: "src/server/index.ts", shares: CORE },
  train: { file: "host/node/train/index.ts", shares: NODE },
  wasi: { file: "host/wasi/index.ts" },
  deno: { file: "host/deno/index.ts", shares: CORE },
  workers: { file: "host/cloudflare/index.ts", shares: CORE },
  cli: { file: "cli/main.ts", shares: NODE, program: true },
  "deno-cli": { file: "cli/deno.ts", shares: NODE },
  // Started in threads and processes of their own.
  "gradient-worker": { file: "host/node/train/gradient-worker.ts", shares: NODE },
};

const wrappers = {
  name: "entries that share",
  setup({ onResolve, onLoad }) {
    const wrapped = (entry) => ({ path: JSON.stringify(entry), namespace: "entry" });
    onResolve({ filter: /^entry:/ }, ({ path }) => wrapped(ENTRIES[path.slice("entry:".length)]));
    // What is imported later is an entry too.
    onResolve({ filter: /^\.{1,2}\/.*\.ts$/ }, ({ kind, path, resolveDir }) =>
      kind === "dynamic-import"
        ? wrapped({ file: join(resolveDir, path).slice(root.length).split(sep).join("/"), shares: NODE })
        : undefined,
    );
    onLoad({ filter: /.*/, namespace: "entry" }, ({ path }) => {
      const { file, shares, program } = JSON.parse(path);
      const lines = [
        program ? "#!/usr/bin/env node" : "",
        shares === undefined ? "" : `import "./${shares}";`,
        `export * from "./${file}";`,
      ];
      return { contents: lines.join("\n"), resolveDir: root };
    });
    // The engine is no JavaScript: whoever bundles a Worker takes it as a module.
    onResolve({ filter: /\/engine\.simd\.wasm$/ }, () => ({ path: "../engine/engine.simd.wasm", external: true }));
  },
};

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: Object.fromEntries(Object.keys(ENTRIES).map((name) => [name, `entry:${name}`])),
  outdir: out,
  // All in one folder: host/package-root.ts counts on it.
  entryNames: "[name]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "es2022",
  // Not minified: that is no faster to load, and stack traces stay readable.
  minifySyntax: true,
  // One is large and for training alone, the other is CommonJS and for the command line alone.
  external: ["@jax-js/jax", "commander"],
  plugins: [wrappers],
  metafile: true,
  logLevel: "warning",
});
writeLicences(root, metafile, join(out, "LICENSES.txt"));

// The script of worker threads, in one file beside the engine: leave to read that folder is then all that they need on Deno.
await build({
  absWorkingDir: root,
  entryPoints: ["host/node/worker.ts"],
  outfile: "dist/engine/worker.js",
  bundle: true,
  format: "esm",
  platform: "node",
  target: "es2022",
  minify: true,
  keepNames: true,
  logLevel: "warning",
});

const sizes = Object.entries(metafile.outputs).map(([path, { bytes }]) => [path, bytes]);
console.log(`lib: ${sizes.length} files, ${sizes.reduce((sum, [, bytes]) => sum + bytes, 0)} bytes`);
