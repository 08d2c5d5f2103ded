import type { ExpertFfn } from "../../src/architecture/config.ts";
import { np, type Tensor } from "../autodiff/jax.ts";
import { activate } from "./activation.ts";
import { rmsNorm } from "./rms-norm.ts";

type ActivatedExperts = Pick<ExpertFfn, "experts" | "activation" | "expertNorm">;

/**
 * What experts do to their pre-activations. NormSiLU (DECO, arXiv 2605.10933): less the mean over all experts of a token, active or not,
 * then an RMSNorm inside each expert, then SiLU; its relatives leave out the mean or the norm.
 * @param h `[n, experts * size]`
 * @param gamma `[size]`, the norm's weight for every expert; needed where there is a norm
 * @returns as `h`
 */
export function expertActivation(ffn: ActivatedExperts, h: Tensor, gamma: Tensor | undefined, eps: number): Tensor {
  const { experts, activation = "silu", expertNorm = "none" } = ffn;
  const [n, width] = h.shape as [number, number];
  const centred = expertNorm === "mean" || expertNorm === "mean_rms" ? h.ref.sub(np.mean(h, -1, { keepdims: true })) : h;
  if (expertNorm === "none" || expertNorm === "mean") return activate(activation, centred);
  const normed = rmsNorm(centred.reshape([n, experts, width / experts]), gamma as Tensor, eps);
  return activate(activation, normed.reshape([n, width]));
}
