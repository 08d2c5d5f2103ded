import { beforeAll, expect, it } from "vitest";
import { jit, np, startAutodiff, tensor, valueAndGrad, type Tensor, type Tensors } from "../../train/autodiff/jax.ts";
import { weightedExperts } from "../../train/model/experts.ts";
import { linear } from "../../train/model/linear.ts";
import { balanceLoss } from "../../train/objectives/balance.ts";
import { chunkLoss } from "../../train/objectives/chunk.ts";
import { entropyLoss } from "../../train/objectives/entropy.ts";
import { localityLoss } from "../../train/objectives/locality.ts";
import { blockScores } from "../../train/routers/block.ts";
import { describeShared } from "../helpers/shared.ts";
import { expectClose, goldenTraining } from "../helpers/train-golden.ts";

beforeAll(async () => void (await startAutodiff()));

const WEIGHTS = ["w_gate", "moe_w_in", "moe_w_out", "router_norm.weight"];

describeShared("the block FFN", "golden/train", () => {
  const { index, cases, has, get, shape } = goldenTraining("ffn");

  it.each(
    cases.flatMap(
      (name) =>
        [
          [name, "main", false],
          [name, "full", false],
          [name, "full", true],
        ] as const,
    ),
  )("%s, %s loss: outputs and five gradients (compiled: %s)", (name, tag, compiled) => {
    const info = index[name] as Record<string, number>;
    const norm = name as "rms" | "sum" | "none";
    const weights = Object.fromEntries(
      ["x", ...WEIGHTS]
        .filter((key) => has(`${name}.${key}`))
        .map((key) => {
          const full = shape(`${name}.${key}`);
          return [key, tensor(get(`${name}.${key}`), key === "x" ? full.slice(1) : full)];
        }),
    );
    const target = tensor(get(`${name}.R`), shape(`${name}.R`).slice(1));
    const follows = tensor(
      Float32Array.from(get(`${name}.segment_shift_indices`), (i) => (i === -1 ? 0 : 1)),
      [info["seq"]!],
    );

    const parts = (w: Tensors) => {
      const raw = linear(w["x"]!.ref, w["w_gate"]!);
      const { scores, shares } = blockScores(raw.ref, w["router_norm.weight"], { norm, normScale: info["norm_scale"]!, eps: info["eps"]! });
      const y = weightedExperts(w["x"]!, scores.ref, w["moe_w_in"]!, w["moe_w_out"]!);
      return {
        transfer_loss: localityLoss(raw.ref, follows.ref, info["sigmoid_steep"]!).mul(info["transfer_lambda"]!),
        chunk_loss: chunkLoss(shares.ref, info["chunk_length"]!),
        router_entropy: entropyLoss(shares.ref),
        balance_loss: balanceLoss(shares.ref, np.greater(shares, 0).astype(np.float32)),
        raw_router_score: raw,
        router_score: scores,
        y,
      };
    };
    const loss = (w: Tensors): Tensor => {
      const p = parts(w);
      p.raw_router_score.dispose();
      p.router_score.dispose();
      const main = p.y.mul(target.ref).sum();
      const aux = p.transfer_loss
        .add(p.chunk_loss.mul(info["chunk_coef"]!))
        .add(p.router_entropy.mul(info["entropy_coef"]!))
        .add(p.balance_loss.mul(info["balance_coef"]!));
      return tag === "full" ? main.add(aux) : (aux.dispose(), main);
    };
    const outputs = parts(Object.fromEntries(Object.entries(weights).map(([key, value]) => [key, value.ref])));
    for (const [key, value] of Object.entries(outputs)) expectClose(value.dataSync(), get(`${name}.${key}`));

    const run = valueAndGrad(loss);
    const [value, grads] = (compiled ? jit(run) : run)(weights) as [Tensor, Tensors];
    expectClose(value.dataSync(), get(`${name}.${tag}.loss`));
    expect(Object.keys(grads).length).toBe(norm === "rms" ? 5 : 4);
    for (const [key, gradient] of Object.entries(grads)) expectClose(gradient.dataSync(), get(`${name}.${tag}.grad.${key}`));
  });
});
