import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { parseHfConfig } from "../../src/format/hf/config.ts";
import { loadModel } from "../../src/load/load.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { hfModel } from "../../train/config/hf.ts";
import { checkTrainConfig } from "../../train/config/parse.ts";
import { tokenizeCorpus } from "../../train/data/corpus.ts";
import { RowSource } from "../../train/data/rows.ts";
import { intTensor, startAutodiff, tensor, type Tensors } from "../../train/autodiff/jax.ts";
import { forwardHidden, headLogits, ropeDim } from "../../train/model/forward.ts";
import { ropeTables } from "../../train/model/rope.ts";
import { folderInMemory, modelFolder } from "../../train/run/model-folder.ts";
import { objectiveOptions } from "../../train/run/factors.ts";
import { localGradients } from "../../train/run/gradient-source.ts";
import { Trainer } from "../../train/run/trainer.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import { largestDifference } from "../helpers/compare.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { testHost } from "../helpers/test-host.ts";
import { TINY_TRAINING, tinyStories } from "../helpers/train-run.ts";
import { tinyTokenizerJson } from "../helpers/tiny-tokenizer.ts";
import { readVectors } from "../helpers/vectors.ts";

beforeAll(async () => void (await startAutodiff()));

function trainerLogits(config: ModelConfig, weights: Tensors, ids: ArrayLike<number>): Float32Array {
  const shape = [1, ids.length];
  const { hidden } = forwardHidden(config, weights, {
    ids: intTensor(Int32Array.from(ids), shape),
    segments: intTensor(new Int32Array(ids.length), shape),
    ...ropeTables(ids.length, ropeDim(config), config.ropeTheta),
  });
  return headLogits(config, weights, hidden).dataSync() as Float32Array;
}

/** Models by what they have beside the sizes, and their objectives. */
const MODELS: readonly [name: string, model: object, objectives?: object][] = [
  ...["blockffn", "blockffn-no-norm", "topk", "deepseek", "grin", "remoe", "dense", "deco"].map((router): [string, object] => [
    `router ${router}`,
    { router },
  ]),
  ["DECO's objective", { router: "deco", tied: false }, { entropy: { weight: 1e-3, target: { share: 0.2, multiplier: 1.5 } } }],
  [
    "gated experts, one scale, no shared expert",
    decoOf({
      expert_not_gated: false,
      expert_act_func: "norm_silu_nomean",
      router_norm_scalar: true,
      moe_shared_expert_intermediate_size: null,
    }),
  ],
  [
    "rms norm, bias by rms, dense at the end",
    decoOf({
      router_norm_type: "rms",
      expert_act_func: "silu",
      moe_router_enable_expert_bias: true,
      moe_expert_bias_apply_method: "rms",
      moe_layer_freq: [1, 0],
      moe_router_bias_update_rate: 0.05,
    }),
  ],
  [
    "fixed scale, plain bias, experts everywhere",
    decoOf({
      router_norm_fixed: true,
      expert_act_func: "norm_silu_norms",
      moe_router_enable_expert_bias: true,
      moe_layer_freq: 1,
      moe_router_bias_update_rate: 0.05,
    }),
  ],
  ["muP, standardised scores, gelu", decoOf({ use_mup: true, router_norm_type: "normal", expert_act_func: "gelu" })],
  ["no norm, squared relus", decoOf({ router_norm_type: null, router_act_func: "sqrelu", expert_act_func: "sqrelu" })],
];

function decoOf(deco: object): object {
  return { router: "deco", deco };
}

it.each(MODELS)("a model trained with %s: the engine gives the trainer's logits", async (_name, changes, objectives = {}) => {
  const config = checkTrainConfig(
    { ...TINY_TRAINING, objectives, model: { ...TINY_TRAINING.model, ...changes }, schedule: { steps: 8 } },
    "train.json",
  );
  const tokenizer = loadTokenizer(tinyTokenizerJson(), "tokenizer.json");
  const model = hfModel(config, { size: tokenizer.vocabSize, bos: 1, eos: 2 }, "train.json");
  const rows = new RowSource(tokenizeCorpus([{ name: "stories", text: tinyStories() }], tokenizer, 2), 32, 4, 1);
  const trainer = new Trainer(
    config,
    model.config,
    rows,
    await localGradients({ config: model.config, objectives: objectiveOptions(config), shape: [2, 32] }),
  );
  while (!trainer.done) await trainer.next();
  const files = folderInMemory("trained", modelFolder(trainer.table, trainer.state.weights, model.json, tinyTokenizerJson()));
  const loaded = await loadModel({ ...testHost, open: async () => files }, "trained");
  const random = createRandom(4);
  const ids = Array.from({ length: 40 }, () => 259 + (random.uint32() % 30));
  const result = loaded.newSequence().forward(ids, { logits: "all" });
  const logits = trainerLogits(model.config, trainer.table.tensors(trainer.state.weights), ids);
  const vocab = model.config.vocabSize;
  for (let i = 0; i < ids.length; i++)
    expect(largestDifference(logits.subarray(i * vocab, (i + 1) * vocab), result.logits(i))).toBeLessThan(1e-3);
  loaded.dispose();
});

describeShared("the default model in the trainer", "checkpoints/blockffn-nano", () => {
  it("gives the engine's logits", async () => {
    const folder = sharedPath("checkpoints/blockffn-nano");
    const config = parseHfConfig(readFileSync(join(folder, "config.json")), "config.json");
    const weights: Tensors = Object.fromEntries(
      [...readVectors(join(folder, "model.safetensors"))].map(([key, { data, shape }]) => [key, tensor(data as Float32Array, shape)]),
    );
    const loaded = await loadModel(testHost, folder);
    const ids = [
      ...loadTokenizer(loaded.tokenizerJson!, "tokenizer.json").encode(
        "Once upon a time, there was a little girl named Lily. She loved to play with her toys.",
      ),
    ];
    const result = loaded.newSequence().forward(ids, { logits: "all" });
    const logits = trainerLogits(config, weights, ids);
    for (let i = 0; i < ids.length; i++)
      expect(largestDifference(logits.subarray(i * 4096, (i + 1) * 4096), result.logits(i))).toBeLessThan(1e-3);
    loaded.dispose();
  });
});
