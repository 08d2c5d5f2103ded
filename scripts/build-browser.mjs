// Bundles host/browser into dist/browser: blockffn.js, worker.js and thread.js with all they import, and the engine beside them.
// One folder that any static server can serve: import maps do not reach workers, so bare imports would not work there.
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { writeLicences } from "./licences.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = join(root, "dist/browser");
mkdirSync(out, { recursive: true });
const engines = ["scalar", "simd", "relaxed"].flatMap((tier) => [`engine.${tier}.wasm`, `engine.${tier}.threads.wasm`]);
for (const file of engines) copyFileSync(join(root, "dist/engine", file), join(out, file));
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: { blockffn: "host/browser/index.ts", worker: "host/browser/worker.ts", thread: "host/browser/thread.ts" },
  outdir: out,
  bundle: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  minify: true,
  // Errors are called after their classes.
  keepNames: true,
  sourcemap: true,
  metafile: true,
  logLevel: "warning",
});
writeLicences(root, metafile, join(out, "LICENSES.txt"));
for (const file of ["blockffn.js", "worker.js", "thread.js", ...engines]) {
  const bytes = readFileSync(join(out, file));
  console.log(`browser/${file} ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} gzip`);
}
