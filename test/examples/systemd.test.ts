import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../helpers/test-host.ts";
import { describeTool } from "../runtime/wasi/runtimes.ts";

const UNIT = join(root, "examples/systemd/blockffn.service");

describeTool("the systemd unit", existsSync("/usr/bin/systemd-analyze") ? UNIT : "", "systemd-analyze is not installed", () => {
  it("is one that systemd takes without a warning", () => {
    const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", UNIT], { encoding: "utf8" });
    expect({ status, output: stdout + stderr }).toEqual({ status: 0, output: "" });
  });

  it("starts a command that there is, with options that it has", () => {
    const [, words] = /^ExecStart=\/usr\/bin\/env blockffn (.*)$/m.exec(readFileSync(UNIT, "utf8")) ?? [];
    const [command, ...options] = (words ?? "").split(" ");
    const { status, stdout } = spawnSync(process.execPath, [join(root, "dist/lib/cli.js"), command!, "--help"], { encoding: "utf8" });
    expect(status).toBe(0);
    for (const option of options.filter((word) => word.startsWith("--"))) expect(stdout).toContain(option);
  });
});
