import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../../helpers/test-host.ts";
import { denoBinary, describeInstalled } from "../installed.ts";
import { PROMPTS } from "../prompts.ts";

const deno = denoBinary() as string;
const built = existsSync(join(root, "dist/engine/worker.js"));
const engine = join(root, "dist/engine");
const model = join(root, "models/blockffn-nano.q8.safetensors");
const tokens = PROMPTS.map((prompt) => prompt.tokens);

const command = (read: string, ...args: string[]): string[] => [
  "run",
  "--no-prompt",
  "--cached-only",
  `--allow-read=${read}`,
  "test/runtime/deno/threads.mjs",
  ...args,
];
const options = { cwd: root, env: { ...process.env, NO_COLOR: "1" }, timeout: 60_000 };

describeInstalled("Threads on Deno", built ? "deno" : "a build", built ? denoBinary() : undefined, () => {
  it.each([
    ["2", 2],
    ["3", 3],
    ["default", 1],
  ])(
    "%s: the token ids of the ten prompts, with leave to read the engine and the model alone; the process ends by itself",
    (asked, threads) => {
      const { status, stdout, stderr } = spawnSync(deno, command(`${engine},${model}`, asked, "leave"), { ...options, encoding: "utf8" });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(JSON.parse(stdout)).toEqual({ threads, tokens });
    },
  );

  it("says which leave threads need", () => {
    const allowed = ["engine.simd.wasm", "engine.simd.threads.wasm", "engine.relaxed.wasm"].map((file) => join(engine, file));
    const { status, stderr } = spawnSync(deno, command([...allowed, model].join(","), "2", "leave"), { ...options, encoding: "utf8" });
    expect(status).toBe(1);
    expect(stderr).toMatch(/ThreadError: .*threads: 2 threads could not be started \(Requires read access to ".*worker\.js"/);
  });

  it.skipIf(process.platform !== "linux")("dispose ends the threads", async () => {
    const live = async (threads: string): Promise<number> => {
      const child = spawn(deno, command(`${engine},${model}`, threads, "dispose"), options);
      try {
        await new Promise((resolve, reject) => {
          child.stdout.once("data", resolve);
          child.once("exit", () => reject(new Error("Deno ended")));
        });
        await new Promise((resolve) => setTimeout(resolve, 1000));
        return readdirSync(`/proc/${child.pid}/task`).length;
      } finally {
        child.kill("SIGKILL");
      }
    };
    expect(await live("4")).toBeLessThanOrEqual((await live("1")) + 1);
  });
});
