import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { HubServer } from "../../helpers/hub-server.ts";
import { root } from "../../helpers/test-host.ts";
import { temporaryFolder, writeTinyModel } from "../../helpers/tiny-folder.ts";
import { denoBinary, describeInstalled } from "../installed.ts";

const deno = denoBinary();
const cli = join(root, "dist/lib/deno-cli.js");
const built = existsSync(cli);

describeInstalled("models by name and from the hub on Deno", built ? "deno" : "a build", built ? deno : undefined, () => {
  const cache = temporaryFolder();
  const source = writeTinyModel(temporaryFolder());
  let hub: HubServer;
  beforeAll(async () => {
    hub = await HubServer.start();
    for (const name of ["config.json", "tokenizer.json"]) hub.add(name, readFileSync(join(source, name)));
    hub.add("model.safetensors", readFileSync(join(source, "model.safetensors")), true);
  });
  afterAll(() => hub.stop());

  function run(leave: readonly string[], args: readonly string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
    const env = { ...process.env, NO_COLOR: "1", BLOCKFFN_CACHE: cache, HF_ENDPOINT: hub.endpoint };
    const child = spawn(deno as string, ["run", "--no-prompt", "--cached-only", ...leave, cli, ...args], { cwd: root, env });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (data: Buffer) => (stdout += data.toString()));
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    return new Promise((resolve) => child.on("close", (status) => resolve({ status, stdout, stderr })));
  }

  const ask = (model: string): string[] => [
    "generate",
    "--tokens",
    "1,2,3",
    "--max-tokens",
    "4",
    "--ignore-eos",
    "--tier",
    "simd",
    "--json",
    "--model",
    model,
  ];
  const leave = [`--allow-read=${root},${cache}`, `--allow-write=${cache}`, "--allow-env", "--allow-net=127.0.0.1"];

  it("fetches, packs and finds again, with leave for these alone", async () => {
    const first = await run(leave, ask("hf:owner/model"));
    expect(first).toMatchObject({ status: 0, stderr: "" });
    hub.takePaths();
    const second = await run(leave, ask("hf:owner/model"));
    expect(second).toMatchObject({ status: 0, stderr: "" });
    expect(hub.takePaths()).toEqual(["/api/models/owner/model/revision/main"]);
    const named = await run(leave, ask("model"));
    expect(named).toMatchObject({ status: 0, stderr: "" });
    const tokensOf = ({ stdout }: { stdout: string }): unknown => (JSON.parse(stdout) as { tokens: unknown }).tokens;
    expect(tokensOf(second)).toEqual(tokensOf(first));
    expect(tokensOf(named)).toEqual(tokensOf(first));
    const { stdout } = await run(leave, ["models", "--json"]);
    expect(JSON.parse(stdout)).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: "nano" }), expect.objectContaining({ from: "hf:owner/model" })]),
    );
  });

  it("says which leave it needs", async () => {
    const { status, stderr } = await run(leave.slice(0, 3), ask("hf:owner/other"));
    expect(status).toBe(1);
    expect(stderr).toMatch(/^blockffn: hf:owner\/other: cannot be fetched: .*--allow-net/);
    expect((await run([`--allow-read=${root}`], ask("nano"))).status).toBe(0);
    expect((await run([`--allow-read=${root}`], ask("none"))).stderr).toMatch(/^blockffn: /);
  });
});
