import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { DEFAULT_MODEL } from "../../../host/node/index.ts";
import { WASI_COMMAND } from "../../../host/wasi/index.ts";
import { root } from "../../helpers/test-host.ts";
import { temporaryFolder } from "../../helpers/tiny-folder.ts";
import { PROMPTS } from "../prompts.ts";
import { commands, readmeExample } from "../readme.ts";
import { describeTool, RUNTIMES } from "./runtimes.ts";

const all = commands("### WASI");
const folder = temporaryFolder();
copyFileSync(DEFAULT_MODEL, join(folder, "nano.safetensors"));
copyFileSync(WASI_COMMAND, join(folder, "blockffn.wasi.wasm"));

/** The README's examples on runtimes that are found as a user has them: by name. */
for (const { name, tool } of RUNTIMES) {
  describeTool(`the README's examples on ${name}`, tool, "run test/runtime/wasi/install.sh", () => {
    const lines = all.filter((line) => line.includes(`${name} run`));
    it.each(lines)("%s", (line) => {
      const { status, stdout } = spawnSync("bash", ["-c", line], {
        cwd: folder,
        encoding: "utf8",
        env: { ...process.env, PATH: `${dirname(tool)}${delimiter}${process.env["PATH"]}` },
      });
      expect({ status, stdout }).toEqual({ status: 0, stdout: `${PROMPTS[0]!.text}\n` });
    });
    it("there are some", () => expect(lines.length).toBeGreaterThan(0));
  });
}

it("every command of the README names one of the runtimes", () => {
  expect(all.filter((line) => !RUNTIMES.some(({ name }) => line.includes(`${name} run`)))).toEqual([]);
});

describe("the README's example on node:wasi", () => {
  it("runs", () => {
    mkdirSync(join(folder, "node_modules/blockffn"), { recursive: true });
    for (const part of ["dist", "package.json"]) cpSync(join(root, part), join(folder, "node_modules/blockffn", part), { recursive: true });
    writeFileSync(join(folder, "wasi.mjs"), readmeExample("### WASI", "js"));
    const { status, stdout } = spawnSync(process.execPath, ["--no-warnings", "wasi.mjs"], { cwd: folder, encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${PROMPTS[0]!.text}\n` });
  });
});
