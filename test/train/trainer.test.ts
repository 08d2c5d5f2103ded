import { describe, expect, it } from "vitest";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { ConfigError, FormatError, TrainingError } from "../../src/errors.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { hfModel } from "../../train/config/hf.ts";
import { checkTrainConfig, parseTrainConfig } from "../../train/config/parse.ts";
import { ROUTERS, type TrainConfig } from "../../train/config/schema.ts";
import { tokenizeCorpus } from "../../train/data/corpus.ts";
import { RowSource } from "../../train/data/rows.ts";
import { fillNormal } from "../../train/model/initial.ts";
import { ParameterTable } from "../../train/model/parameters.ts";
import { adamW, norm } from "../../train/optimizer/adamw.ts";
import { learningRateShare } from "../../train/optimizer/learning-rate.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../train/run/checkpoint.ts";
import { objectiveOptions } from "../../train/run/factors.ts";
import { folderInMemory } from "../../train/run/model-folder.ts";
import { localGradients, type GradientSource } from "../../train/run/gradient-source.ts";
import { Trainer, type TrainerState } from "../../train/run/trainer.ts";
import { STATS } from "../../train/objectives/total.ts";
import { TINY_TRAINING, tinyStories } from "../helpers/train-run.ts";
import { tinyTokenizerJson } from "../helpers/tiny-tokenizer.ts";

const tokenizer = loadTokenizer(tinyTokenizerJson(), "tokenizer.json");
const VOCABULARY = { size: tokenizer.vocabSize, bos: 1, eos: 2 };
const configured = (changes: object = {}): TrainConfig => checkTrainConfig({ ...TINY_TRAINING, ...changes }, "train.json");
const corpus = (text = tinyStories()) => tokenizeCorpus([{ name: "stories.txt", text }], tokenizer, 2);

async function trainerOf(config: TrainConfig, source?: GradientSource, state?: TrainerState): Promise<Trainer> {
  const { config: model } = hfModel(config, VOCABULARY, "train.json");
  const shape = [config.batch.rowsPerPass ?? config.batch.rows, config.batch.length] as const;
  const gradients = source ?? (await localGradients({ config: model, objectives: objectiveOptions(config), shape }));
  return new Trainer(config, model, new RowSource(corpus(), config.batch.length, config.batch.rows, config.seed), gradients, state);
}

describe("the data pipeline", () => {
  it("cuts shuffled documents into rows that know where documents begin", () => {
    const { tokens, starts } = corpus("tom saw tom.<|endoftext|>ben<|endoftext|>a cat");
    expect(starts.length).toBe(4);
    expect([...tokens].filter((token) => token === 1).length).toBe(3);
    const rows = new RowSource({ tokens, starts }, 8, 2, 5);
    const got = rows.rows(0, rows.rowsPerEpoch);
    expect([...got.ids].sort()).not.toEqual([]);
    for (let i = 0; i < got.ids.length; i++) {
      const starting = got.ids[i] === 1;
      if (starting) expect(got.follows[i]).toBe(0);
      // The end of a document predicts nothing, all else the next token of it.
      expect(got.weights[i]).toBe(got.ids[i] === 2 ? 0 : 1);
      if (i % 8 !== 7) expect(got.targets[i]).toBe(got.ids[i + 1]);
      if (i % 8 !== 0) expect(got.segments[i] === got.segments[i - 1]).toBe(!starting);
    }
  });

  it("gives the same rows in any order, and other documents in another epoch", () => {
    const rows = new RowSource(corpus(), 16, 2, 9);
    const later = rows.rows(rows.rowsPerEpoch + 3, 2);
    const first = rows.rows(3, 2);
    expect(new RowSource(corpus(), 16, 2, 9).rows(rows.rowsPerEpoch + 3, 2)).toEqual(later);
    expect(first.ids).not.toEqual(later.ids);
    expect(new RowSource(corpus(), 16, 2, 10).rows(3, 2).ids).not.toEqual(first.ids);
  });

  it("refuses what is no text, or too little of it", () => {
    expect(() => corpus("")).toThrow(FormatError);
    expect(() => corpus("a\0b")).toThrow("stories.txt: holds NUL characters: it is a binary file, not text");
    expect(() => new RowSource(corpus("tom"), 32, 4, 1)).toThrow("the texts have 6 tokens; one step takes 4 rows of 32, 129");
  });
});

describe("configurations", () => {
  it.each([
    [{ bach: 1 }, "is not a setting"],
    [{ model: { ...TINY_TRAINING.model, heads: 5 } }, "5 heads do not divide hidden_size 32"],
    [{ batch: { rows: 4, rowsPerPass: 3, length: 32 } }, "batch.rowsPerPass: 3 does not divide the 4 rows of a step"],
    [{ batch: { rows: 4, length: 128 } }, "batch.length: is 128, longer than model.context, 64"],
    [{ objectives: { chunk: { weight: 1, length: 24 } } }, "objectives.chunk.length: 24 does not divide"],
    [{ objectives: { chunk: { weight: 1, length: 16, adaptive: { stable: 10, step: 6 } } } }, "two windows of step, 6, must come first"],
    [{ schedule: { steps: 5, warmup: 3, decay: 3 } }, "3 steps of warmup and 3 of decay are more than the 5 steps"],
    [{ model: { ...TINY_TRAINING.model, router: "dense" } }, "a dense model has none"],
    [{ model: { ...TINY_TRAINING.model, router: "topk", topK: 13 } }, "model.topK: is 13, more than the 12 experts"],
    [{ workers: 3 }, "3 workers for 2 passes a step"],
    [{ model: { ...TINY_TRAINING.model, deco: {} } }, "model.deco: goes with router deco, not blockffn"],
    [{ model: { ...TINY_TRAINING.model, router: "deco", sharedExperts: 1 } }, "model.sharedExperts: goes with router deepseek, not deco"],
    [{ model: { ...TINY_TRAINING.model, router: "deco", deco: { moe_layer_freq: [1] } } }, "has 1 entries for 2 layers"],
    [
      { model: { ...TINY_TRAINING.model, router: "deco", deco: { moe_layer_freq: [0, 0] } } },
      "model.deco.moe_layer_freq: has no layer with experts",
    ],
    [{ model: { ...TINY_TRAINING.model, router: "deco", deco: { moe_topk: 2 } } }, "is not a setting"],
    [
      { model: { ...TINY_TRAINING.model, router: "deco", deco: { expert_act_func: "swish" } } },
      "model.deco.expert_act_func: must be one of",
    ],
    [
      { model: { ...TINY_TRAINING.model, router: "deco", deco: { router_act_func: "gelu" } }, objectives: { entropy: { weight: 1 } } },
      "objectives.entropy: is about shares of router scores, which gelu may make negative",
    ],
    [{ objectives: { entropy: { weight: 0, target: {} } } }, "objectives.entropy.weight: is 0, which no multiplier changes"],
    [{ objectives: { entropy: { weight: 1, target: {}, adaptive: {} } } }, "objectives.entropy.target: and adaptive both set the factor"],
  ])("%j does not fit", (changes, message) => {
    const attempt = (): unknown => hfModel(configured(changes), VOCABULARY, "train.json");
    expect(attempt).toThrow(ConfigError);
    expect(attempt).toThrow(message);
  });

  it("names the file for what is no JSON", () => {
    expect(() => parseTrainConfig("{", "train.json")).toThrow("train.json: is not JSON");
  });

  it("gives every router the same number of weights, within 1 %", () => {
    const sizes = ROUTERS.map((router) => {
      // DECO's shared expert comes on top.
      const deco = router === "deco" ? { deco: { moe_shared_expert_intermediate_size: null } } : {};
      const config = configured({
        objectives: {},
        model: { ...TINY_TRAINING.model, hidden: 128, experts: 48, expertSize: 16, router, ...deco },
      });
      return ParameterTable.of(hfModel(config, VOCABULARY, "train.json").config).length;
    });
    expect(Math.max(...sizes) / Math.min(...sizes)).toBeLessThan(1.01);
  });
});

describe("the optimiser", () => {
  it("does the steps of AdamW that its authors define", () => {
    const weights = Float32Array.of(1, -2);
    const moments = { first: new Float32Array(2), second: new Float32Array(2) };
    const groups = [
      { offset: 0, length: 1, rate: 1, decays: true },
      { offset: 1, length: 1, rate: 0.5, decays: false },
    ];
    const options = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 };
    const expected = [
      [1, 0, 0],
      [-2, 0, 0],
    ] as [number, number, number][];
    for (const [t, gradients] of [Float32Array.of(0.5, -1), Float32Array.of(-0.25, 2)].entries()) {
      adamW(weights, gradients, moments, groups, 0.01, t + 1, 1, options);
      expected.forEach((state, i) => {
        const rate = 0.01 * groups[i]!.rate;
        const g = gradients[i]!;
        state[1] = 0.9 * state[1] + 0.1 * g;
        state[2] = 0.95 * state[2] + 0.05 * g * g;
        const update = state[1] / (1 - 0.9 ** (t + 1)) / (Math.sqrt(state[2] / (1 - 0.95 ** (t + 1))) + 1e-8);
        state[0] = state[0] * (groups[i]!.decays ? 1 - rate * 0.1 : 1) - rate * update;
        expect(weights[i]).toBeCloseTo(state[0], 6);
      });
    }
    expect(norm(Float32Array.of(3, 4))).toBe(5);
    expect(norm(Float32Array.of(3, NaN))).toBeNaN();
  });

  it("warms up, stays and decays", () => {
    const schedule = { steps: 10, warmup: 2, decay: 4, finalRatio: 0.1 };
    expect([1, 2, 3, 6, 8, 10].map((step) => Number(learningRateShare(step, schedule).toFixed(3)))).toEqual([0.5, 1, 1, 1, 0.55, 0.1]);
    // 2 * 0.5^(1/2) - 1 of the way at half of the tail.
    const tail = { ...schedule, decayShape: "exponential" } as const;
    expect([6, 8, 10].map((step) => Number(learningRateShare(step, tail).toFixed(6)))).toEqual([
      1,
      Number((0.1 + 0.9 * (Math.SQRT2 - 1)).toFixed(6)),
      0.1,
    ]);
  });

  it("starts from normal numbers", () => {
    const values = new Float32Array(20_001);
    fillNormal(values, createRandom(3), 0.5);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.abs(norm(values) / Math.sqrt(values.length) - 0.5)).toBeLessThan(0.01);
  });
});

describe("the trainer", () => {
  const AUXILIARY: Record<string, object> = {
    topk: { balance: { weight: 0.01 } },
    deepseek: { balance: { weight: 0.01 } },
    grin: { balance: { weight: 0.01 } },
    remoe: { balancedL1: { weight: 1e-4 } },
    dense: {},
    deco: { entropy: { weight: 1e-8, target: {} } },
  };

  it.each(ROUTERS)("learns with router %s", async (router) => {
    const trainer = await trainerOf(
      configured({
        model: { ...TINY_TRAINING.model, router },
        objectives: AUXILIARY[router] ?? TINY_TRAINING.objectives,
        schedule: { steps: 40, warmup: 4, decay: 4 },
      }),
    );
    const losses: number[] = [];
    while (!trainer.done) {
      const report = await trainer.next();
      losses.push(report.loss);
      if (router === "topk") expect(report.tls).toBeCloseTo(1 - 3 / 12, 5);
      if (router === "dense") expect(report.tls).toBeNull();
      else expect(report.cls8!).toBeLessThanOrEqual(report.tls!);
    }
    const mean = (part: number[]): number => part.reduce((a, b) => a + b, 0) / part.length;
    expect(mean(losses.slice(-5))).toBeLessThan(0.7 * mean(losses.slice(0, 3)));
  });

  it("raises ReMoE's factor while too many experts are active", async () => {
    const trainer = await trainerOf(
      configured({
        model: { ...TINY_TRAINING.model, router: "remoe", topK: 1 },
        objectives: { balancedL1: { weight: 1e-3, multiplier: 1.5 } },
      }),
    );
    const factors: number[] = [];
    for (let i = 0; i < 4; i++) factors.push((await trainer.next()).factors["balancedL1"]!);
    expect(factors[3]).toBeCloseTo(1e-3 * 1.5 ** 3, 8);
  });

  it("raises DECO's coefficient of entropy while too many experts are active, goes on from it, and lowers it to its floor", async () => {
    const deco = (share: number, resume?: number): TrainConfig =>
      configured({
        model: { ...TINY_TRAINING.model, router: "deco" },
        objectives: { entropy: { weight: 1e-3, target: { share, multiplier: 1.5, ...(resume && { resume }) } } },
      });
    const few = await trainerOf(deco(0.01));
    const factors: number[] = [];
    for (let i = 0; i < 4; i++) factors.push((await few.next()).factors["entropy"]!);
    factors.forEach((factor, i) => expect(factor).toBeCloseTo(1e-3 * 1.5 ** i, 10));
    // A checkpoint holds it.
    const identity = { config: deco(0.01), corpus: "" };
    const file = await folderInMemory("run", [{ name: "checkpoint", parts: encodeCheckpoint(identity, few.state) }]).open("checkpoint");
    const resumed = await trainerOf(deco(0.01), undefined, await decodeCheckpoint(file!, identity, few.table.length));
    expect((await resumed.next()).factors["entropy"]).toBe(few.state.factors.entropy);
    expect(few.state.factors.entropy).toBeCloseTo(1e-3 * 1.5 ** 4, 10);
    const many = await trainerOf(deco(1, 1.4e-3));
    const falling: number[] = [];
    for (let i = 0; i < 3; i++) falling.push((await many.next()).factors["entropy"]!);
    expect(falling).toEqual([1.4e-3, 1e-3, 1e-3]);
  });

  it("moves the bias of DECO's experts by their load, whatever the passes of a step", async () => {
    const rate = 0.25;
    const biases = async (rowsPerPass: number): Promise<Float32Array[]> => {
      const trainer = await trainerOf(
        configured({
          objectives: {},
          batch: { rows: 4, rowsPerPass, length: 32 },
          model: {
            ...TINY_TRAINING.model,
            layers: 3,
            router: "deco",
            deco: { moe_router_enable_expert_bias: true, moe_layer_freq: [1, 0, 1], moe_router_bias_update_rate: rate },
          },
        }),
      );
      const read = (): Float32Array[] =>
        [0, 2].map((l) => trainer.table.view(trainer.state.weights, trainer.table.find(`model.layers.${l}.mlp.expert_bias`)).slice());
      for (const bias of read()) expect(bias.every((b) => b === 0)).toBe(true);
      await trainer.next();
      return read();
    };
    const one = await biases(4);
    // One step moves each by the rate, down where there were more tokens than the mean: never all the same way.
    for (const bias of one) {
      expect(bias.every((b) => Math.abs(b) === rate || b === 0)).toBe(true);
      expect(bias.some((b) => b < 0) && bias.some((b) => b > 0)).toBe(true);
    }
    expect(await biases(1)).toEqual(one);
  });

  it("starts DECO as its code does", async () => {
    const trainer = await trainerOf(configured({ objectives: {}, model: { ...TINY_TRAINING.model, hidden: 64, router: "deco" } }));
    const view = (name: string): Float32Array => trainer.table.view(trainer.state.weights, trainer.table.find(name));
    const deviation = (name: string): number => norm(view(name)) / Math.sqrt(view(name).length);
    expect(view("model.layers.1.mlp.router_norm.weight")).toEqual(new Float32Array(12).fill(0.1));
    expect(view("model.layers.1.mlp.expert_act.rms_norm.weight")).toEqual(new Float32Array(8).fill(1));
    for (const name of [
      "model.layers.1.self_attn.q_proj.weight",
      "model.layers.1.mlp.expert_up_proj.weight",
      "model.layers.1.mlp.expert_down_proj.weight",
      "model.embed_tokens.weight",
    ]) {
      expect(Math.abs(deviation(name) / 0.01 - 1), name).toBeLessThan(0.06);
    }
    for (const name of [
      "model.layers.1.self_attn.o_proj.weight",
      "model.layers.0.mlp.down_proj.weight",
      "model.layers.1.mlp.shared_experts.down_proj.weight",
    ]) {
      expect(Math.abs(deviation(name) / (0.01 / Math.sqrt(4)) - 1), name).toBeLessThan(0.06);
    }
  });

  it("stops at a loss that is not a number, with the weights as they were", async () => {
    const config = configured();
    const { config: model } = hfModel(config, VOCABULARY, "train.json");
    const { length } = ParameterTable.of(model);
    let passes = 0;
    const broken: GradientSource = {
      lanes: 1,
      weights: new Float32Array(length),
      dispose: async () => {},
      compute: async () => ({
        stats: Float32Array.from(STATS, () => (passes++ < 3 ? 1 : NaN)),
        gradients: new Float32Array(length).fill(1e-3),
      }),
    };
    const trainer = await trainerOf(config, broken);
    await expect(trainer.next()).rejects.toThrow(TrainingError);
    const before = Float32Array.from(trainer.state.weights);
    await expect(trainer.next()).rejects.toThrow(/the loss became NaN at step 1; lower optimizer.learningRate/);
    expect(trainer.state.weights).toEqual(before);
    expect(trainer.step).toBe(0);
  });
});
