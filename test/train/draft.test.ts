import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { loadEagle } from "../../src/load/eagle.ts";
import { loadModel } from "../../src/load/load.ts";
import { intTensor, lax, nn, np, startAutodiff, tensor, valueAndGrad, type Tensor, type Tensors } from "../../train/autodiff/jax.ts";
import { draftForward } from "../../train/draft/head.ts";
import { tokenLoss } from "../../train/draft/loss.ts";
import { frequencyRanking } from "../../train/draft/trainer.ts";
import { visibility } from "../../train/model/forward.ts";
import { ropeTables } from "../../train/model/rope.ts";
import { largestDifference } from "../helpers/compare.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { root, testHost } from "../helpers/test-host.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";
import { writeTraining } from "../helpers/train-run.ts";
import { readVectors } from "../helpers/vectors.ts";

beforeAll(async () => void (await startAutodiff()));

it("ranks all tokens, frequent ones first", () => {
  expect(frequencyRanking(Int32Array.of(3, 1, 3, 2, 2, 3), 5)).toEqual([3, 2, 1, 0, 4]);
});

it("has the gradient of cross entropy", () => {
  const random = createRandom(6);
  const values = (...shape: number[]): Tensor =>
    tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.float() - 0.5),
      shape,
    );
  const [x, head, weights] = [values(5, 8), values(20, 8), tensor(Float32Array.of(1, 0, 2, 1, 0.5), [5])];
  const distribution = nn.softmax(values(5, 20).mul(6), -1);
  const logits = (x: Tensor): Tensor => np.matmul(x.mul(0.5), np.transpose(head.ref));
  const [plain, expected] = valueAndGrad((x: Tensor) =>
    nn.logSoftmax(logits(x), -1).mul(distribution.ref).sum(-1).neg().mul(weights.ref).sum(),
  )(x.ref);
  const [value, gradient] = valueAndGrad((x: Tensor) =>
    tokenLoss(x.ref, lax.stopGradient(logits(x)), distribution.ref, weights.ref, head.ref, 0.5),
  )(x.ref);
  expect(value.item()).toBeCloseTo(plain.item(), 4);
  expect(largestDifference(gradient.dataSync(), expected.dataSync())).toBeLessThan(1e-5);
});

describeShared("the draft head in the trainer", "checkpoints/blockffn-nano-eagle", () => {
  it("computes what the engine computes with the same weights", async () => {
    const folder = sharedPath("checkpoints/blockffn-nano");
    const base = await loadModel(testHost, folder);
    const head = await loadEagle(testHost, sharedPath("checkpoints/blockffn-nano-eagle"), base);
    const ids = [1, 300, 400, 500, 600, 700, 800];
    const n = ids.length - 1;
    const width = base.config.hiddenSize;
    const result = base.newSequence().forward(ids, { logits: "none" });
    const hidden = Array.from({ length: n }, (_, i) => Float32Array.from(result.hidden(i)));
    const sequence = head.newSequence(32);
    sequence.forward({
      tokens: ids.slice(1),
      hidden,
      positions: ids.slice(1).map((_, i) => i),
      at: 0,
      visible: 0,
      masks: ids.slice(1).map((_, i) => (2n << BigInt(i)) - 1n),
      logits: "none",
    });
    const weights: Tensors = Object.fromEntries(
      [...readVectors(join(sharedPath("checkpoints/blockffn-nano-eagle"), "model.safetensors"))].map(([key, { data, shape }]) => [
        key,
        tensor(data as Float32Array, shape),
      ]),
    );
    const embedding = readVectors(join(folder, "model.safetensors")).get("model.embed_tokens.weight")!.data as Float32Array;
    const embedded = new Float32Array(n * width);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < width; j++) embedded[i * width + j] = embedding[ids[i + 1]! * width + j]! * base.config.embedScale;
    const { attention } = base.config;
    if (attention.kind !== "gqa") throw new Error("the default model has grouped-query attention");
    const states = new Float32Array(n * width);
    hidden.forEach((row, i) => states.set(row, i * width));
    const output = draftForward(
      { base: base.config, heads: attention.heads, kvHeads: attention.kvHeads, headDim: attention.headDim, ffnSize: 512 },
      weights,
      tensor(embedded, [n, width]),
      tensor(states, [n, width]),
      {
        rows: 1,
        length: n,
        visible: visibility(intTensor(new Int32Array(n), [1, n]), 1, n),
        ...ropeTables(n, attention.headDim, base.config.ropeTheta),
      },
    ).dataSync() as Float32Array;
    for (let i = 0; i < n; i++)
      expect(largestDifference(output.subarray(i * width, (i + 1) * width), sequence.hidden(i))).toBeLessThan(1e-3);
    base.dispose();
  });
});

const main = join(root, "dist/lib/cli.js");
describe.skipIf(!existsSync(main))("blockffn train draft, as a process", () => {
  const folder = temporaryFolder();
  const model = join(folder, "run/model");
  const args = (out: string, steps = 120): string[] => [
    main,
    "train",
    "draft",
    "--model",
    model,
    "--text",
    join(folder, "stories.txt"),
    "--out",
    join(folder, out),
    "--steps",
    String(steps),
    "--rows",
    "4",
    "--length",
    "32",
    "--learning-rate",
    "0.01",
    "--checkpoint-every",
    "10",
    "--json",
  ];
  beforeAll(() => {
    spawnSync(process.execPath, [
      main,
      "train",
      "--config",
      writeTraining(folder, { schedule: { steps: 60 }, checkpointEvery: 100 }),
      "--json",
    ]);
  });

  it("trains a head that loads, agrees with its model, and goes on after kill -9 to the same weights", async () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, args("eagle"), { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const { last } = JSON.parse(stdout) as { last: { agreement: number[] } };
    expect(last.agreement[0]).toBeGreaterThan(0.6);
    expect(last.agreement.length).toBe(2);
    const base = await loadModel(testHost, model);
    const head = await loadEagle(testHost, join(folder, "eagle"), base, { draftVocab: 20 });
    expect(head.config.vocabSize).toBe(20);
    base.dispose();

    const child = spawn(process.execPath, args("killed"), { stdio: "ignore" });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    while (!existsSync(join(folder, "killed/checkpoint.safetensors"))) await new Promise((resolve) => setTimeout(resolve, 2));
    child.kill("SIGKILL");
    await ended;
    expect(spawnSync(process.execPath, args("killed")).status).toBe(0);
    expect(readFileSync(join(folder, "killed/model.safetensors")).equals(readFileSync(join(folder, "eagle/model.safetensors")))).toBe(true);
  });

  it("says what does not fit", () => {
    const run = (...extra: string[]) => spawnSync(process.execPath, [...args("bad"), ...extra], { encoding: "utf8" });
    expect(run("--depth", "0")).toMatchObject({ status: 2, stderr: expect.stringContaining("--depth must be at least 1") });
    expect(run("--ffn-size", "0")).toMatchObject({ status: 2, stderr: expect.stringContaining("--ffn-size must be at least 1") });
    expect(run("--length", "4096")).toMatchObject({ status: 2, stderr: expect.stringContaining("the model's context is 64") });
    expect(run("--model", join(folder, "stories.txt"))).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("Hugging Face folder"),
    });
    expect(spawnSync(process.execPath, args("eagle", 121), { encoding: "utf8" })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("steps: is 120 in the checkpoint and 121"),
    });
  });
});
