import { beforeAll, expect, it } from "vitest";
import { np, startAutodiff, tensor, valueAndGrad, type Tensor } from "../../train/autodiff/jax.ts";
import { balanceLoss } from "../../train/objectives/balance.ts";
import { chunkLoss } from "../../train/objectives/chunk.ts";
import { entropyLoss } from "../../train/objectives/entropy.ts";
import { FactorSchedule } from "../../train/objectives/factor-schedule.ts";
import { localityLoss, tokenBalanceLoss } from "../../train/objectives/locality.ts";
import { blockScores } from "../../train/routers/block.ts";
import { describeShared } from "../helpers/shared.ts";
import { expectClose, goldenTraining } from "../helpers/train-golden.ts";

beforeAll(async () => void (await startAutodiff()));

/** Tokens that follow another one of their document; the golden index of the previous token is always the row above. */
function followsOf(indices: ArrayLike<number>): Tensor {
  const follows = Float32Array.from(indices, (previous, i) => {
    if (previous !== -1) expect(previous).toBe(i - 1);
    return previous === -1 ? 0 : 1;
  });
  return tensor(follows, [follows.length]);
}

describeShared("activation locality", "golden/train", () => {
  const { index, cases, get, shape } = goldenTraining("transfer");
  it.each(cases)("%s: loss and gradient", (name) => {
    const { transfer_lambda: lambda, sigmoid_steep: steep, token_balance_factor: factor } = index[name] as Record<string, number>;
    const raw = (): Tensor => tensor(get(`${name}.raw_router_score`), shape(`${name}.raw_router_score`));
    const follows = followsOf(get(`${name}.segment_shift_indices`));
    const [loss, grad] = valueAndGrad((x: Tensor) => localityLoss(x, follows.ref, steep as number).mul(lambda as number))(raw());
    expectClose(loss.dataSync(), get(`${name}.loss`));
    expectClose(grad.dataSync(), get(`${name}.grad_raw`));
    if (factor === undefined) return;
    const [balance, balanceGrad] = valueAndGrad((x: Tensor) => tokenBalanceLoss(x, follows.ref, steep as number).mul(factor))(raw());
    expectClose(balance.dataSync(), get(`${name}.token_balance_loss`));
    expectClose(balanceGrad.dataSync(), get(`${name}.token_balance_grad_raw`));
  });
});

describeShared("chunk sparsification", "golden/train", () => {
  const { index, cases, get, shape } = goldenTraining("chunk");
  it.each(cases)("%s: scores, loss, gradient, entropy and balance", (name) => {
    const info = index[name] as {
      E: number;
      S: number;
      chunk_length: number;
      norm_after_router: "rms" | "sum" | "none";
      norm_scale: number;
      eps: number;
    };
    const options = { norm: info.norm_after_router, normScale: info.norm_scale, eps: info.eps };
    const weight = info.norm_after_router === "rms" ? tensor(get(`${name}.router_norm_weight`), [info.E]) : undefined;
    const raw = (): Tensor => tensor(get(`${name}.raw_router_score`), shape(`${name}.raw_router_score`));
    const mask = tensor(Float32Array.from(get(`${name}.seq_mask`)), [info.S, 1]);
    const { scores, shares } = blockScores(raw(), weight?.ref, options);
    const masked = shares.ref.mul(mask.ref);
    expectClose(scores.dataSync(), get(`${name}.router_score`));
    expectClose(masked.ref.dataSync(), get(`${name}.router_score_scaled_after_mask`));
    // The authors compute the entropy before they mask and the balance after.
    expectClose(entropyLoss(shares).dataSync(), get(`${name}.router_entropy`));
    expectClose(balanceLoss(masked.ref, np.greater(masked, 0).astype(np.float32)).dataSync(), get(`${name}.balance_loss`));
    const [loss, grad] = valueAndGrad((x: Tensor) => {
      const { scores, shares } = blockScores(x, weight?.ref, options);
      scores.dispose();
      return chunkLoss(shares.mul(mask.ref), info.chunk_length);
    })(raw());
    expectClose(loss.dataSync(), get(`${name}.chunk_loss`));
    expectClose(grad.dataSync(), get(`${name}.grad_raw`));
  });
});

describeShared("adaptive factor", "golden/train", () => {
  const { index, cases, get } = goldenTraining("scheduler");
  it.each(cases)("%s: 400 factors and states, also when it goes on from a checkpoint", (name) => {
    const info = index[name] as Record<string, number>;
    const options = {
      start: info["start_val"]!,
      warmup: info["warmup_iter"]!,
      stable: info["stable_iter"]!,
      step: info["step_iter"]!,
      offset: info["start_step"]!,
      maxFactor: info["max_factor"]!,
      minFactor: info["min_factor"]!,
    };
    let schedule = new FactorSchedule(options);
    const losses = get(`${name}.loss`);
    for (let i = 0; i < losses.length; i++) {
      if (i % 37 === 0) schedule = new FactorSchedule(options, JSON.parse(JSON.stringify(schedule.state)));
      const iteration = options.offset + i + 1;
      const factor = schedule.next(iteration, losses[i]!, iteration % info["accu"]! === 0);
      expectClose([factor], [get(`${name}.factor`)[i]!], 1e-9);
      expectClose([schedule.base], [get(`${name}.cur_start_val_after`)[i]!], 1e-9);
      expectClose([schedule.ratio], [get(`${name}.target_ratio_after`)[i]!], 1e-9);
    }
  });
});
