import { beforeAll, expect, it } from "vitest";
import type { ExpertFfn } from "../../src/architecture/config.ts";
import { jit, startAutodiff, tensor, valueAndGrad, type Tensor, type Tensors } from "../../train/autodiff/jax.ts";
import { feedForward } from "../../train/model/ffn.ts";
import { entropyLoss } from "../../train/objectives/entropy.ts";
import { describeShared } from "../helpers/shared.ts";
import { expectClose, goldenDecoTraining } from "../helpers/train-golden.ts";

beforeAll(async () => void (await startAutodiff()));

const BASE: ExpertFfn = {
  kind: "experts",
  router: "block",
  experts: 12,
  expertSize: 8,
  routerNorm: "scale",
  normScale: 1,
  topK: 0,
  topP: 0,
  sharedSize: 16,
  sharedGated: true,
};
/** What the flags of the index say. */
const CASES: Readonly<Record<string, ExpertFfn>> = {
  simple: { ...BASE, expertNorm: "mean_rms" },
  gated_nomean: { ...BASE, expertNorm: "rms", expertGated: true, routerScale: "scalar", sharedSize: 0 },
  rms_silu: { ...BASE, routerNorm: "rms" },
};

describeShared("DECO's feed-forward layer", "golden/deco/train", () => {
  const { index, cases, has, get, shape, names } = goldenDecoTraining("ffn");

  it.each(
    cases.flatMap(
      (name) =>
        [
          [name, "main", false],
          [name, "full", false],
          [name, "full", true],
        ] as const,
    ),
  )("%s, %s loss: outputs and all gradients (compiled: %s)", (name, tag, compiled) => {
    const { entropy_coef: coef, num_layers: layers, eps } = index[name] as Record<string, number>;
    const config = { architecture: "blockffn", ffn: CASES[name]!, rmsEps: eps! } as const;
    const keys = names.filter((key) => key.startsWith(`${name}.${tag}.grad.`)).map((key) => key.slice(`${name}.${tag}.grad.`.length));
    expect(keys.length).toBe({ simple: 9, gated_nomean: 7, rms_silu: 8 }[name]);
    const given = (key: string): Tensor => tensor(get(`${name}.${key}`), shape(`${name}.${key}`));
    const inputs = (): Tensors => Object.fromEntries(keys.map((key) => [key, given(key)]));
    const target = given("R");

    const run = ({ x, ...weights }: Tensors) => feedForward(config, 1, x!, weights, undefined);
    const { y, routing } = run(inputs());
    expectClose(y.dataSync(), get(`${name}.y`));
    expectClose(routing!.raw.dataSync(), get(`${name}.raw_router_score`));
    expectClose(routing!.scores.dataSync(), get(`${name}.router_score`));
    expectClose(entropyLoss(routing!.shares).dataSync(), get(`${name}.entropy`));
    expect(has(`${name}.x`)).toBe(true);

    const loss = (w: Tensors): Tensor => {
      const { y, routing } = run(w);
      const main = y.mul(target.ref).sum();
      return tag === "full" ? main.add(entropyLoss(routing!.shares.ref).mul(coef! / layers!)) : main;
    };
    const both = valueAndGrad(loss);
    const [value, grads] = (compiled ? jit(both) : both)(inputs()) as [Tensor, Tensors];
    expectClose(value.dataSync(), get(`${name}.${tag}.loss`));
    for (const key of keys) expectClose(grads[key]!.dataSync(), get(`${name}.${tag}.grad.${key}`));
  });
});
