// Makes the file of the package blockffn-chat, byte for byte the same each time:
//   node scripts/build-chat-model.mjs ../shared/checkpoints/blockffn-chat [OUT]
// SOURCE holds expand.mjs (which writes the Hugging Face folder, 543 MB, into a temporary place) and eagle/, the draft head. Needs a build.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
/** npm packages and clones stay handy below it. */
const MAX_BYTES = 90e6;

const [source, out = join(root, "models/chat/model.safetensors")] = process.argv.slice(2);
if (source === undefined) throw new Error("usage: node scripts/build-chat-model.mjs SOURCE [OUT]");
const folder = mkdtempSync(join(tmpdir(), "blockffn-chat-"));
try {
  const node = (...args) => execFileSync(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
  node(join(source, "expand.mjs"), folder);
  node(join(root, "dist/lib/cli.js"), "convert", folder, "--quantize", "q4-all", "--draft", join(source, "eagle"), "--out", out);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const { size } = statSync(out);
if (size > MAX_BYTES) throw new Error(`${out} has ${size} bytes, more than the ${MAX_BYTES} that the package may have`);
const hash = createHash("sha256");
for await (const chunk of createReadStream(out)) hash.update(chunk);
console.log(`${out}: ${size} bytes, sha256 ${hash.digest("hex")}`);
