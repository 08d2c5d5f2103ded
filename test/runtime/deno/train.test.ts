import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../../helpers/test-host.ts";
import { temporaryFolder } from "../../helpers/tiny-folder.ts";
import { metricsOf, writeTraining } from "../../helpers/train-run.ts";
import { denoBinary, describeInstalled } from "../installed.ts";

const deno = denoBinary();
const main = join(root, "dist/lib/cli.js");
const denoMain = join(root, "dist/lib/deno-cli.js");
const built = existsSync(main) && existsSync(denoMain);

describeInstalled("training in Deno", built ? "deno" : "a build", built ? deno : undefined, () => {
  const folder = temporaryFolder();

  function train(command: readonly string[], name: string, backend: string): { status: number | null; stderr: string; losses: number[] } {
    const config = writeTraining(join(folder, name));
    const { status, stderr } = spawnSync(
      command[0] as string,
      [...command.slice(1), "train", "--config", config, "--backend", backend, "--json"],
      { cwd: root, env: { ...process.env, NO_COLOR: "1" }, encoding: "utf8", timeout: 120_000 },
    );
    return {
      status,
      stderr,
      losses: status === 0 ? metricsOf(join(folder, name, "run")).flatMap(({ loss }) => (typeof loss === "number" ? [loss] : [])) : [],
    };
  }

  const inNode = [process.execPath, main];
  const inDeno = [deno as string, "run", "-A", "--cached-only", denoMain];

  it("computes the losses of Node, and ends", () => {
    const expected = train(inNode, "node", "wasm").losses;
    const { losses } = train(inDeno, "deno", "wasm");
    expect(losses.length).toBe(12);
    losses.forEach((loss, i) => expect(loss).toBeCloseTo(expected[i] as number, 4));
  }, 240_000);

  it("computes the losses of Node on a GPU where one answers, and says so where none does", () => {
    const expected = train(inNode, "node", "wasm").losses;
    expect(expected.length).toBe(12);
    const gpu = train(inDeno, "gpu", "webgpu");
    if (gpu.status === 0) {
      expect(gpu.losses.length).toBe(12);
      gpu.losses.forEach((loss, i) => expect(loss).toBeCloseTo(expected[i] as number, 3));
    } else
      expect(gpu).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/backend: (no GPU answers to WebGPU here|this runtime offers no WebGPU)/),
      });
  }, 240_000);
});
