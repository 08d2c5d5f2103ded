import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { root } from "../helpers/test-host.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";

const main = join(root, "dist/lib/cli.js");
const built = existsSync(main);
if (!built) console.log("skipped: the built command line (run npm run build)");
const model = writeTinyModel(temporaryFolder());

describe.skipIf(!built)("dist/lib/cli.js", () => {
  const blockffn = (args: string[], input?: string): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [main, ...args], { encoding: "utf8", ...(input === undefined ? {} : { input }) });

  it("generates", () => {
    const { status, stdout, stderr } = blockffn(["generate", "tom", "-m", model, "-n", "4", "--json"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ promptTokens: 5, model });
  });

  it("runs on several threads, alike, ends by itself, and writes logits out of shared memory", () => {
    const args = ["generate", "tom", "-m", model, "-n", "20", "--ignore-eos", "--json", "--threads"];
    const [one, two] = ["1", "2"].map((threads) => blockffn([...args, threads]));
    expect(two).toMatchObject({ status: 0, stderr: "" });
    const result = JSON.parse(two?.stdout ?? "") as { tokens: number[]; threads: number };
    expect(result.threads).toBe(2);
    expect(result.tokens).toEqual((JSON.parse(one?.stdout ?? "") as { tokens: number[] }).tokens);
    expect(blockffn(["generate", "tom", "-m", model, "--threads", "0"])).toMatchObject({ status: 2, stdout: "" });
    const files = ["1", "2"].map((threads) => {
      const out = join(temporaryFolder(), "logits.f32");
      expect(blockffn(["logits", "-m", model, "--tokens", "1,2,3", "--threads", threads, "--out", out]).status).toBe(0);
      return readFileSync(out);
    });
    expect(files[1]).toEqual(files[0]);
    const forgetful = `import { loadModel } from ${JSON.stringify(pathToFileURL(join(root, "dist/lib/node.js")).href)}; await loadModel(${JSON.stringify(model)}, { threads: 2 });`;
    expect(spawnSync(process.execPath, ["--input-type=module", "-e", forgetful], { encoding: "utf8", timeout: 20_000 })).toMatchObject({
      status: 0,
      stderr: "",
    });
  });

  it("reads a pipe", () => {
    expect(blockffn(["generate", "-m", model, "-n", "4", "--json"], "tom\n")).toMatchObject({ status: 0 });
    expect(blockffn(["generate", "-m", model], "")).toMatchObject({ status: 2, stdout: "" });
  });

  it("tells failures by exit codes", () => {
    expect(blockffn(["generate", "x", "-m", "/no/such"])).toMatchObject({ status: 1, stdout: "" });
    expect(blockffn(["generate", "x", "--loud"])).toMatchObject({ status: 2, stdout: "" });
    expect(blockffn(["--version"]).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("ends quietly when nobody reads on", async () => {
    const child = spawn(process.execPath, [main, "generate", "tom", "-m", model, "-n", "90", "--ignore-eos"]);
    let stderr = "";
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    child.stdout.destroy();
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("prints what there is when interrupted", async () => {
    const child = spawn(process.execPath, [main, "generate", "tom", "-m", model, "-n", "90", "--ignore-eos"]);
    let stdout = "",
      stderr = "";
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    child.stdout.on("data", (data: Buffer) => {
      if (stdout === "") child.kill("SIGINT");
      stdout += data.toString();
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    // A model this small may be done before the signal arrives.
    expect([0, 130]).toContain(code);
    expect(stderr).toMatch(code === 130 ? /ended by aborted/ : /ended by length/);
  });
});
