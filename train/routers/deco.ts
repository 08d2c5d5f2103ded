import type { ExpertFfn } from "../../src/architecture/config.ts";
import { lax, np, type Tensor } from "../autodiff/jax.ts";
import { activate } from "../model/activation.ts";
import { rmsNormalize } from "../model/rms-norm.ts";
import { activeFlags, type Routing } from "./routing.ts";

const EPS = 1e-5;

type DecoRouter = Pick<ExpertFfn, "routerActivation" | "routerNorm" | "normScale" | "expertBias">;

/**
 * DECO's router (arXiv 2605.10933) after its projection: a ReLU, whose zeros are the experts that a token does not use, then a learned
 * scale
 * and no norm; its relatives have another function, a norm, or a bias that takes experts away. Shares, activations and what is active are
 * those before the scale, which may be negative.
 * @param raw `[tokens, experts]`
 * @param scale `[experts]` or `[1]`; undefined: the constant normScale
 * @param bias `[experts]`, for a router with one; gets no gradient
 */
export function decoRouting(ffn: DecoRouter, raw: Tensor, scale: Tensor | undefined, bias: Tensor | undefined, eps: number): Routing {
  const all = activate(ffn.routerActivation ?? "relu", raw.ref);
  const kept = bias === undefined ? all : all.mul(allowed(raw.ref, bias, ffn.expertBias === "rms"));
  const shares = kept.ref.div(kept.ref.sum(-1, { keepdims: true }).add(EPS));
  const scores = normed(ffn, kept.ref, scale ?? ffn.normScale, eps);
  // Standardised, every score is another than 0.
  const active = activeFlags(ffn.routerNorm === "standard" ? scores.ref : kept.ref);
  return { raw, scores, shares, activations: kept, active };
}

function normed({ routerNorm }: DecoRouter, x: Tensor, scale: Tensor | number, eps: number): Tensor {
  switch (routerNorm) {
    case "scale":
      return x.mul(scale);
    case "rms":
      return rmsNormalize(x, eps).mul(scale);
    case "standard":
      return rmsNormalize(x.ref.sub(np.mean(x, -1, { keepdims: true })), eps).mul(scale);
    case "sum":
      return x.ref.div(x.sum(-1, { keepdims: true }).add(EPS));
    case "none":
      return x;
  }
}

/** 1 where an expert's raw score with its bias (times the token's root mean square of raw scores) is above 0. */
function allowed(raw: Tensor, bias: Tensor, byRms: boolean): Tensor {
  const plain = lax.stopGradient(raw);
  const fixed = lax.stopGradient(bias);
  const shift = byRms ? fixed.mul(np.sqrt(np.mean(np.square(plain.ref), -1, { keepdims: true }))) : fixed;
  return lax.stopGradient(np.where(np.greater(plain.add(shift), 0), 1, 0).astype(np.float32));
}
