import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../helpers/test-host.ts";
import type { Finding } from "./check.ts";

const built = existsSync(join(root, "dist/lib/cli.js"));
if (!built) console.log("skipped: the server under mixed load (run npm run build)");

// The same with five hundred, and with what /healthz took: npm run check:long -- server-load
describe.skipIf(!built)("a server under mixed load", () => {
  it("answers what is right, refuses what is too long, and keeps nothing of clients that left", { timeout: 120_000 }, () => {
    const { stdout, stderr } = spawnSync(process.execPath, ["scripts/check-long.mjs", "server-load", "--count", "40", "--json"], {
      cwd: root,
      encoding: "utf8",
    });
    const [{ findings }] = JSON.parse(stdout) as [{ readonly findings: readonly Finding[] }];
    const values = (what: string): number[] => findings.filter((finding) => finding.what.endsWith(what)).map(({ value }) => value);
    const hosts = stderr.includes("skipped: Deno") ? 1 : 2;
    for (const [what, value] of [
      ["other than meant", 0],
      ["requests that still run or wait", 0],
      ["whole: 200", 8],
      ["stream: 200", 8],
      ["too long: 400", 4],
      ["slow body: 200", 4],
      ["left, whole: left", 4],
    ] as const) {
      expect(values(`: ${what}`), what).toEqual(Array.from({ length: hosts }, () => value));
    }
  });
});
