// Runs the tests of kernels, engine, decoding and server on Node 24, whose default tier is `relaxed` (npm test runs all tests on this
// Node).
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const node = join(root, "test/runtime/node24/installed/node");
if (!existsSync(node)) {
  console.log("skipped: Node 24 is not installed (test/runtime/node24/install.sh)");
  process.exit(0);
}
const rooms = ["test/kernels", "test/engine", "test/decode", "test/server"];
const { status } = spawnSync(node, [join(root, "node_modules/vitest/vitest.mjs"), "run", "--project", "all", ...rooms], {
  cwd: root,
  stdio: "inherit",
});
process.exit(status ?? 1);
