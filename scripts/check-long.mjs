// Bundles test/long for Node and runs it: npm run check:long -- [CHECK...] [--count N] [--json]
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
// Two folders below the root, as host/package-root.ts counts on.
const out = join(root, "dist/long");

await build({
  absWorkingDir: root,
  // The second one is a thread of server-load.
  entryPoints: { main: "test/long/main.ts", "health-probe": "test/long/health-probe.ts" },
  outdir: out,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "es2022",
  packages: "external",
  logLevel: "warning",
});
await import(pathToFileURL(join(out, "main.js")).href);
