import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { PACKAGE_ROOT } from "../host/node/package.ts";
import { ensureNavigator } from "../host/node/train/navigator.ts";
import { createRandom } from "../src/decode/sampling/rng.ts";
import { hfModel } from "../train/config/hf.ts";
import { checkTrainConfig } from "../train/config/parse.ts";
import { RowSource } from "../train/data/rows.ts";
import { objectiveOptions } from "../train/run/factors.ts";
import { localGradients } from "../train/run/gradient-source.ts";
import { Trainer } from "../train/run/trainer.ts";
import { median, table } from "./measure.ts";

// Whole training steps (forward, backward, clipping, AdamW) of one model, one thread: this trainer and, with --python, a plain PyTorch
// loop of the same model (bench/torch_train.py), taking turns.

const SHAPES = {
  nano: { hidden: 256, layers: 8, heads: 8, kvHeads: 4, experts: 48, expertSize: 32, vocab: 4096, rows: 4, length: 256 },
  small: { hidden: 128, layers: 4, heads: 4, kvHeads: 2, experts: 48, expertSize: 16, vocab: 4096, rows: 8, length: 256 },
} as const;
type Shape = (typeof SHAPES)[keyof typeof SHAPES];

/** A side of the comparison: one call is one step, the result its seconds. */
type Stepper = () => Promise<number>;

async function ownSteps(shape: Shape): Promise<Stepper> {
  ensureNavigator();
  const { rows, length, vocab, ...model } = shape;
  const config = checkTrainConfig(
    {
      out: "-",
      data: { train: ["-"], tokenizer: "-" },
      model: { ...model, baseWidth: shape.hidden },
      objectives: { locality: { weight: 0.002 }, chunk: { weight: 0.05 } },
      schedule: { steps: 1000 },
      batch: { rows, length },
    },
    "bench",
  );
  const { config: target } = hfModel(config, { size: vocab, bos: 1, eos: 2 }, "bench");
  const random = createRandom(1);
  const tokens = Int32Array.from({ length: rows * length * 8 }, () => random.uint32() % vocab);
  const source = new RowSource({ tokens, starts: Int32Array.of(0, tokens.length) }, length, rows, 1);
  const trainer = new Trainer(
    config,
    target,
    source,
    await localGradients({ config: target, objectives: objectiveOptions(config), shape: [rows, length] }),
  );
  return async () => {
    const start = performance.now();
    await trainer.next();
    return (performance.now() - start) / 1000;
  };
}

function torchSteps(python: string, shape: Shape): { step: Stepper; end: () => void } {
  const child = spawn(python, [fileURLToPath(new URL("bench/torch_train.py", PACKAGE_ROOT)), JSON.stringify(shape)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  // A child that ends early is told by its missing answer.
  child.stdin.on("error", () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    step: async () => {
      child.stdin.write("step\n");
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`${python} ended early; it needs PyTorch (its message is above)`);
      return Number(value);
    },
    end: () => void child.stdin.end(),
  };
}

const { values } = parseArgs({
  options: { shape: { type: "string", default: "nano" }, rounds: { type: "string", default: "7" }, python: { type: "string" } },
});
if (!(values.shape in SHAPES)) throw new Error(`--shape: there are ${Object.keys(SHAPES).join(", ")}`);
const shape = SHAPES[values.shape as keyof typeof SHAPES];
const torch = values.python === undefined ? undefined : torchSteps(values.python, shape);
const sides: { name: string; step: Stepper; seconds: number[] }[] = [{ name: "blockffn", step: await ownSteps(shape), seconds: [] }];
if (torch !== undefined) sides.push({ name: "PyTorch", step: torch.step, seconds: [] });
for (let round = -1; round < Number(values.rounds); round++) {
  for (const { step, seconds } of sides) {
    const time = await step();
    // The first round compiles and warms up.
    if (round >= 0) seconds.push(time);
  }
}
torch?.end();
const speed = (seconds: readonly number[]): number => (shape.rows * shape.length) / median(seconds);
const own = speed(sides[0]!.seconds);
process.stdout.write(
  table(
    ["trainer", "step ms", "tokens/s", "blockffn over it"],
    sides.map(({ name, seconds }) => [name, 1000 * median(seconds), speed(seconds), own / speed(seconds)]),
  ),
);
