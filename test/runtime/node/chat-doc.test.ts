import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../../helpers/test-host.ts";
import { temporaryFolder } from "../../helpers/tiny-folder.ts";
import { blocks } from "../readme.ts";

const built = existsSync(join(root, "dist/lib/node.js"));
if (!built) console.log("skipped: docs/chat.md's example (run npm run build)");

describe.skipIf(!built)("docs/chat.md", () => {
  it("has an example that runs as it stands", () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(root, join(folder, "node_modules/blockffn"));
    const [example, ...others] = blocks(readFileSync(join(root, "docs/chat.md"), "utf8"));
    expect([example?.language, others]).toEqual(["js", []]);
    writeFileSync(join(folder, "talk.mjs"), example!.text);
    const { status, stdout, stderr } = spawnSync(process.execPath, ["talk.mjs"], { cwd: folder, encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    // The system text, two questions and their answers.
    expect(stdout).toMatch(/cachedTokens: [1-9]\d*\s*\} 0 5\n$/);
  });
});
