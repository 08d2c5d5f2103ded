import { beforeAll, expect, it } from "vitest";
import { np, startAutodiff, tensor, valueAndGrad, type Tensor, type Tensors } from "../../train/autodiff/jax.ts";
import { expertActivation } from "../../train/model/expert-activation.ts";
import { balancedL1Loss } from "../../train/objectives/balanced-l1.ts";
import { chunkLoss } from "../../train/objectives/chunk.ts";
import { entropyLoss } from "../../train/objectives/entropy.ts";
import { localityLoss } from "../../train/objectives/locality.ts";
import { activationPercent, entropyCoefficient } from "../../train/objectives/sparsity-target.ts";
import { switchBalanceLoss } from "../../train/objectives/switch-balance.ts";
import { decoRouting } from "../../train/routers/deco.ts";
import { updateExpertBias } from "../../train/routers/expert-bias.ts";
import type { Routing } from "../../train/routers/routing.ts";
import { largestDifference } from "../helpers/compare.ts";
import { describeShared } from "../helpers/shared.ts";
import { expectClose, goldenDecoTraining } from "../helpers/train-golden.ts";

beforeAll(async () => void (await startAutodiff()));

const DECO = { routerNorm: "scale", normScale: 0.1 } as const;
const EPS = 1e-5;

/** One part of what DECO's router makes of raw scores; the rest is let go. */
function part(raw: Tensor, name: "shares" | "activations" | "active"): Tensor {
  const routing = decoRouting(DECO, raw, undefined, undefined, EPS);
  const wanted = (routing[name] as Tensor).ref;
  for (const tensor of Object.values(routing) as Tensor[]) tensor.dispose();
  return wanted;
}

function gradient(loss: (raw: Tensor) => Tensor, raw: Tensor): { value: ArrayLike<number>; grad: ArrayLike<number> } {
  const [value, grad] = valueAndGrad(loss)(raw);
  return { value: value.dataSync(), grad: grad.dataSync() };
}

describeShared("DECO's router entropy", "golden/deco/train", () => {
  const { index, cases, get, shape } = goldenDecoTraining("entropy");
  it.each(cases)("%s: value and gradient through the ReLU", (name) => {
    const { coef, num_layers: layers, loss_scale: scale } = index[name] as Record<string, number>;
    const raw = (): Tensor => tensor(get(`${name}.raw_router_score`), shape(`${name}.raw_router_score`));
    expectClose(entropyLoss(part(raw(), "shares")).dataSync(), get(`${name}.entropy`));
    const share = coef! / layers!;
    const { value, grad } = gradient((x) => entropyLoss(part(x, "shares")).mul(share), raw());
    expectClose(value, get(`${name}.loss`));
    expectClose(
      Float32Array.from(grad, (g) => g * scale!),
      get(`${name}.grad_raw`),
    );
  });
});

describeShared("DECO's coefficient of router entropy", "golden/deco/train", () => {
  const { index, cases, get } = goldenDecoTraining("scheduler");
  it.each(cases)("%s: 400 steps", (name) => {
    const info = index[name] as Record<string, number>;
    const options = { floor: info["coef_init"]!, multiplier: info["multiplier"]!, share: info["target_percent"]! / 100 };
    let coefficient = info["coef_resume"]! > 0 ? info["coef_resume"]! : options.floor;
    const rates = get(`${name}.activation_rate_percent`);
    expect(rates.length).toBe(400);
    rates.forEach((rate, i) => {
      coefficient = entropyCoefficient(coefficient, activationPercent(rate / 100), options);
      expectClose([coefficient], [get(`${name}.coef_after`)[i]!], 1e-9);
    });
  });
});

describeShared("NormSiLU", "golden/deco/train", () => {
  const { index, cases, get, has, shape } = goldenDecoTraining("normsilu");
  const norms = { norm_silu: "mean_rms", norm_silu_nomean: "rms", norm_silu_norms: "mean" } as const;
  it.each(cases)("%s: values and gradients", (name) => {
    const { num_experts: experts, eps } = index[name] as Record<string, number>;
    const ffn = { experts: experts!, activation: "silu", expertNorm: norms[name as keyof typeof norms] } as const;
    const given = (key: string): Tensor => tensor(get(`${name}.${key}`), shape(`${name}.${key}`));
    const inputs = (): Tensors => ({ h: given("h"), ...(has(`${name}.weight`) && { weight: given("weight") }) });
    const run = ({ h, weight }: Tensors): Tensor => expertActivation(ffn, h!, weight, eps!);
    expect(largestDifference(run(inputs()).dataSync() as Float32Array, get(`${name}.y`))).toBeLessThan(5e-5);
    const target = given("R");
    const [, grads] = valueAndGrad((w: Tensors) => run(w).mul(target.ref).sum())(inputs()) as [Tensor, Tensors];
    expect(Object.keys(grads).length).toBe(has(`${name}.weight`) ? 2 : 1);
    for (const [key, grad] of Object.entries(grads)) expectClose(grad.dataSync(), get(`${name}.grad_${key}`));
  });
});

describeShared("the other objectives of DECO's code", "golden/deco/train", () => {
  const { index, get, shape } = goldenDecoTraining("aux");
  const info = (name: string): Record<string, number> => index[name] as Record<string, number>;
  const raw = (name: string): Tensor => tensor(get(`${name}.raw_router_score`), shape(`${name}.raw_router_score`));
  const experts = 12;
  /** Both what a loss is about and what is active, of the same raw scores. */
  const both = (x: Tensor, name: "shares" | "activations"): [Tensor, Tensor] => [part(x.ref, name), part(x, "active")];

  it("L1 with load balance: before the coefficient and over the layers", () => {
    const { coef, num_layers: layers, target_act_ratio: target } = info("l1");
    const value = balancedL1Loss(...both(raw("l1"), "activations"), target! * experts);
    expectClose(value.dataSync(), get("l1.value"));
    const { grad } = gradient((x) => balancedL1Loss(...both(x, "activations"), target! * experts).mul(coef! / layers!), raw("l1"));
    expectClose(grad, get("l1.grad_raw"));
  });

  it("Switch balance against the target", () => {
    const { coef, target_act_ratio: target } = info("balance");
    const { value, grad } = gradient((x) => switchBalanceLoss(...both(x, "shares"), target! * experts).mul(coef!), raw("balance"));
    expectClose(value, get("balance.loss"));
    expectClose(grad, get("balance.grad_raw"));
  });

  it("activation locality, steepness 10", () => {
    const { transfer_lambda: lambda, num_layers: layers, steep } = info("transfer");
    const tokens = shape("transfer.raw_router_score")[0]!;
    const { grad } = gradient((x) => localityLoss(x, np.ones([tokens]), steep!).mul(lambda! / layers!), raw("transfer"));
    expectClose(grad, get("transfer.grad_raw"));
  });

  it("chunk sparsification", () => {
    const { coef, num_layers: layers, chunk } = info("chunk");
    expectClose(chunkLoss(part(raw("chunk"), "shares"), chunk!).dataSync(), get("chunk.value"));
    const { grad } = gradient((x) => chunkLoss(part(x, "shares"), chunk!).mul(coef! / layers!), raw("chunk"));
    // The official float32 gradient is itself off from float64 by 2.5e-5 of its largest value.
    const golden = get("chunk.grad_raw");
    const largest = Math.max(...Array.from(golden, Math.abs));
    expect(largestDifference(grad as Float32Array, golden)).toBeLessThan(5e-5 * largest);
  });

  it.each(["base", "rms"] as const)("expert bias (%s): which experts it takes away, how it moves, and no gradient of its own", (method) => {
    const bias = get("bias.expert_bias");
    const ffn = { ...DECO, expertBias: method === "base" ? "plain" : "rms" } as const;
    const route = (x: Tensor, b: Tensor): Routing => decoRouting(ffn, x, undefined, b, EPS);
    const active = Array.from(route(raw("bias"), tensor(bias, [experts])).active.dataSync() as Float32Array);
    expect(active).toEqual(Array.from(get(`bias.${method}.active`)));
    const load = Array.from({ length: experts }, (_, e) => active.reduce((sum, flag, i) => sum + (i % experts === e ? flag : 0), 0));
    const moved = Float32Array.from(bias);
    updateExpertBias(moved, load, info("bias")["update_rate"]!);
    expectClose(moved, get(`bias.${method}.updated`), 1e-6);
    const [, grads] = valueAndGrad((w: Tensors) => route(w["x"]!, w["b"]!).scores.sum())({
      x: raw("bias"),
      b: tensor(bias, [experts]),
    }) as [Tensor, Tensors];
    expect((grads["b"]!.dataSync() as Float32Array).every((g) => g === 0)).toBe(true);
    // To what is used, the scale; to what the bias took away, nothing.
    expectClose(
      grads["x"]!.dataSync(),
      active.map((flag) => flag * 0.1),
      1e-6,
    );
  });
});
