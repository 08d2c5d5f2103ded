// Bundles the script of Deno's worker threads into one file beside the engine: leave to read that folder is then all that they need.
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

await build({
  absWorkingDir: fileURLToPath(new URL("..", import.meta.url)),
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
