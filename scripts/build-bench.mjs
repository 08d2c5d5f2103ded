// Bundles bench/cli for Node into bench/dist: `npm run bench` runs it. The engine comes from dist/engine, as built last.
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
// Two folders below the root, as host/package-root.ts counts on.
const out = join(root, "bench/dist");

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await build({
  absWorkingDir: root,
  entryPoints: {
    main: "bench/cli/main.ts",
    "big-child": "bench/big-child.ts",
    "peer-parts": "bench/peer-parts.ts",
    // Programs of their own: node bench/dist/NAME.js
    hosts: "bench/hosts.ts",
    train: "bench/train.ts",
    workers: "bench/workers.ts",
  },
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "es2022",
  minifySyntax: true,
  packages: "external",
  logLevel: "warning",
});

// The bare tiles of `bench rows`. From their own folder: in the root, asc would take the engine's asconfig.json.
const asc = join(root, "node_modules/assemblyscript/bin/asc.js");
for (const [tier, features] of Object.entries({ simd: ["simd"], relaxed: ["simd", "relaxed-simd"] })) {
  const enable = features.flatMap((feature) => ["--enable", feature]);
  const options = ["-O3", "--noAssert", "--runtime", "stub", "--use", "abort=", "--disableWarning", "210", ...enable];
  execFileSync(process.execPath, [asc, "index.ts", ...options, "--outFile", join(out, `tile.${tier}.wasm`)], {
    cwd: join(root, "bench/tile"),
    stdio: "inherit",
  });
}
