import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../helpers/test-host.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";
import { metricsOf, tinyStories, writeTraining } from "../helpers/train-run.ts";

const main = join(root, "dist/lib/cli.js");
const built = existsSync(main);
if (!built) console.log("skipped: the built trainer (run npm run build)");

describe.skipIf(!built)("blockffn train, as a process", () => {
  const folder = temporaryFolder();
  const blockffn = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });
  const at = (name: string, changes: object = {}): { config: string; run: string } => ({
    config: writeTraining(join(folder, name), changes),
    run: join(folder, name, "run"),
  });

  const whole = at("whole");
  it("trains a model that the other commands take", () => {
    const { status, stdout, stderr } = blockffn("train", "--config", whole.config, "--json");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ step: 12, finished: true, validation: { tokens: expect.any(Number) } });
    const model = join(whole.run, "model");
    const result = JSON.parse(blockffn("generate", "tom saw", "-m", model, "-n", "5", "--json").stdout) as { tls: number };
    expect(result.tls).toBeGreaterThan(0);
    const evaluation = JSON.parse(
      blockffn("eval", "--text", join(folder, "whole/stories.txt"), "-m", model, "--max-documents", "2", "--context", "64", "--json")
        .stdout,
    ) as { nll: number };
    expect(evaluation.nll).toBe((metricsOf(whole.run).at(-1) as { validation: { nll: number } }).validation.nll);
    expect(blockffn("convert", model, "--out", join(folder, "packed.safetensors")).status).toBe(0);
    expect(readFileSync(join(whole.run, "curves.svg"), "utf8")).toContain("CLS 8");
  });

  it("computes the same steps with two workers", () => {
    const two = at("two", { workers: 2 });
    expect(blockffn("train", "--config", two.config, "--json").status).toBe(0);
    expect(metricsOf(two.run)).toEqual(metricsOf(whole.run));
    expect(readFileSync(join(two.run, "model/model.safetensors")).equals(readFileSync(join(whole.run, "model/model.safetensors")))).toBe(
      true,
    );
  });

  it("trains DECO with its objective and an expert bias: the same with two workers, and what the other commands take", () => {
    const changes = {
      model: {
        router: "deco",
        hidden: 32,
        layers: 2,
        heads: 2,
        experts: 12,
        expertSize: 8,
        context: 64,
        deco: { moe_router_enable_expert_bias: true },
      },
      objectives: { entropy: { weight: 1e-6, target: { share: 0.2, multiplier: 1.5 } } },
    };
    const deco = at("deco", changes);
    expect(blockffn("train", "--config", deco.config, "--json").status).toBe(0);
    const two = at("deco-two", { ...changes, workers: 2 });
    expect(blockffn("train", "--config", two.config, "--json").status).toBe(0);
    expect(metricsOf(two.run)).toEqual(metricsOf(deco.run));
    const model = join(deco.run, "model");
    expect(JSON.parse(readFileSync(join(model, "config.json"), "utf8"))).toMatchObject({
      model_type: "blockffn",
      num_layers: 2,
      moe_layer_freq: [0, 1],
      num_experts: 12,
    });
    expect(blockffn("generate", "tom saw", "-m", model, "-n", "5", "--json").status).toBe(0);
    const nll = (path: string): number =>
      (
        JSON.parse(
          blockffn("eval", "--text", join(folder, "deco/stories.txt"), "-m", path, "--max-documents", "2", "--context", "64", "--json")
            .stdout,
        ) as { nll: number }
      ).nll;
    expect(nll(model)).toBe((metricsOf(deco.run).at(-1) as { validation: { nll: number } }).validation.nll);
    const packed = join(folder, "deco.safetensors");
    expect(blockffn("convert", model, "--quantize", "f32", "--out", packed).status).toBe(0);
    expect(nll(packed)).toBe(nll(model));
  });

  it("killed with -9 again and again, goes on from the last checkpoint to the same losses and weights", async () => {
    const killed = at("killed");
    let kills = 0;
    // Each time at another moment after the first new step: in a step, or while files are written.
    for (const delay of [0, 3, 7, 13, 29, 61]) {
      const child = spawn(process.execPath, [main, "train", "--config", killed.config], { stdio: "ignore" });
      const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on("exit", (_, signal) => resolve(signal)));
      const before = lines(killed.run);
      while (child.exitCode === null && lines(killed.run) <= before + 4) await sleep(1);
      await sleep(delay);
      child.kill("SIGKILL");
      if ((await ended) === "SIGKILL") kills++;
    }
    expect(kills).toBeGreaterThan(0);
    const { status, stderr } = blockffn("train", "--config", killed.config);
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(metricsOf(killed.run)).toEqual(metricsOf(whole.run));
    expect(readFileSync(join(killed.run, "model/model.safetensors")).equals(readFileSync(join(whole.run, "model/model.safetensors")))).toBe(
      true,
    );
  });

  it("writes a checkpoint when it is interrupted", async () => {
    const stopped = at("stopped", { checkpointEvery: 1000, schedule: { steps: 100_000 } });
    const child = spawn(process.execPath, [main, "train", "--config", stopped.config, "--json"], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    while (lines(stopped.run) < 3) await sleep(5);
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    expect(existsSync(join(stopped.run, "checkpoint.safetensors"))).toBe(true);
  });

  it("refuses to go on with another configuration or text", () => {
    const other = writeTraining(join(folder, "whole"), { seed: 2 });
    expect(blockffn("train", "--config", other)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("seed: is 1 in the checkpoint and 2 in the configuration"),
    });
    writeTraining(join(folder, "whole"), {}, tinyStories(61));
    expect(blockffn("train", "--config", other)).toMatchObject({ status: 1, stderr: expect.stringContaining("belongs to other texts") });
    writeTraining(join(folder, "whole"));
    const checkpoint = join(whole.run, "checkpoint.safetensors");
    const good = readFileSync(checkpoint);
    writeFileSync(checkpoint, good.subarray(0, 2000));
    expect(blockffn("train", "--config", whole.config)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("checkpoint.safetensors"),
    });
    writeFileSync(checkpoint, good);
  });

  it("keeps the last checkpoint when the disk is full", async () => {
    const full = at("full", { checkpointEvery: 3 });
    const checkpoint = join(full.run, "checkpoint.safetensors");
    const child = spawn(process.execPath, [main, "train", "--config", full.config, "--json"], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    while (lines(full.run) < 1) await sleep(1);
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    const before = readFileSync(checkpoint);
    // The system refuses to write more than 64 KiB into a file, as a full disk does; the model has 80 KB, a checkpoint 250.
    const limited = spawnSync(
      "bash",
      ["-c", `ulimit -f 64; trap '' XFSZ; exec "$0" "$1" train --config "$2"`, process.execPath, main, full.config],
      { encoding: "utf8" },
    );
    expect(limited).toMatchObject({ status: 1, stderr: expect.stringMatching(/model\.safetensors: the system allows no larger file/) });
    expect(readFileSync(checkpoint).equals(before)).toBe(true);
    expect(readdirSync(full.run).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    expect(blockffn("train", "--config", full.config, "--json").status).toBe(0);
    expect(metricsOf(full.run)).toEqual(metricsOf(whole.run));
  });

  it("tells a diverging run, with the last checkpoint intact", () => {
    const wild = at("wild", {
      optimizer: { learningRate: 10, clip: 1e6, weightDecay: 1e5 },
      schedule: { steps: 200, warmup: 1 },
      checkpointEvery: 1,
    });
    const { status, stderr } = blockffn("train", "--config", wild.config);
    expect(status).toBe(1);
    expect(stderr).toMatch(/became (NaN|-?Infinity) at step \d+; lower optimizer\.learningRate/);
    expect(existsSync(join(wild.run, "checkpoint.safetensors"))).toBe(true);
  });

  it("writes the checkpoint after the model, so that a finished run has its last model whenever it was killed", () => {
    const config = writeTraining(join(folder, "last"), { schedule: { steps: 4 }, checkpointEvery: 4 });
    expect(blockffn("train", "--config", config, "--json").status).toBe(0);
    const run = join(folder, "last/run");
    const written = (name: string): number => statSync(join(run, name)).mtimeMs;
    expect(written("checkpoint.safetensors")).toBeGreaterThanOrEqual(Math.max(written("model/model.safetensors"), written("curves.svg")));
  });

  it("refuses bad texts by name", () => {
    const texts = join(folder, "texts");
    const config = writeTraining(texts, {}, "");
    expect(blockffn("train", "--config", config)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("stories.txt: holds no text"),
    });
    writeFileSync(join(texts, "stories.txt"), Uint8Array.of(0xff, 0xfe, 0, 1, 2));
    expect(blockffn("train", "--config", config)).toMatchObject({ status: 1, stderr: expect.stringContaining("is not UTF-8 text") });
    // The validation text too, before the first step.
    writeTraining(texts, { data: { train: ["stories.txt"], valid: "valid.txt", tokenizer: "tokenizer.json" } });
    writeFileSync(join(texts, "valid.txt"), "\n<|endoftext|>\n");
    expect(blockffn("train", "--config", config)).toMatchObject({ status: 1, stderr: expect.stringContaining("valid.txt: holds no text") });
    expect(blockffn("train")).toMatchObject({ status: 2, stderr: expect.stringContaining("--config") });
    expect(blockffn("train", "--config", "/no/such.json")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("there is no such file"),
    });
  });

  it("trains a tokenizer", () => {
    const out = join(folder, "tokenizer.json");
    const texts = join(folder, "two/stories.txt");
    expect(blockffn("train", "tokenizer", "--text", texts, "--vocab", "320", "--out", out)).toMatchObject({
      status: 0,
      stderr: expect.stringContaining("320 entries"),
    });
    expect(blockffn("train", "tokenizer", "--text", texts, "--vocab", "100", "--out", out)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("too small"),
    });
  });
});

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function lines(run: string): number {
  const path = join(run, "metrics.jsonl");
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0;
}
