import { ConfigError } from "../../src/errors.ts";
import type { ExpertFfn } from "../../src/architecture/config.ts";
import type { Tensor } from "../autodiff/jax.ts";
import { blockScores } from "./block.ts";
import { activeFlags, type RouterNoise, type Routing } from "./routing.ts";
import { sparseMixer } from "./sparse-mixer.ts";
import { topK } from "./top-k.ts";

/**
 * Routes tokens by the router of the configuration.
 * @param norm `[experts]`: weight of the RMSNorm after a block router
 * @throws ConfigError for top-p, which is for running models only
 */
export function route(ffn: ExpertFfn, raw: Tensor, norm: Tensor | undefined, eps: number, noise: RouterNoise | undefined): Routing {
  switch (ffn.router) {
    case "block": {
      const kind = ffn.routerNorm;
      if (kind !== "rms" && kind !== "sum" && kind !== "none")
        throw new ConfigError(`${kind} goes with DECO's router`, { field: "routerNorm" });
      const { scores, shares } = blockScores(raw.ref, norm, { norm: kind, normScale: ffn.normScale, eps });
      return { raw, active: activeFlags(scores.ref), scores, shares };
    }
    case "relu": {
      const { scores, shares } = blockScores(raw.ref, undefined, { norm: "none", normScale: 1, eps });
      return { raw, active: activeFlags(scores.ref), scores, shares };
    }
    case "topk":
      return { raw: raw.ref, ...topK(raw, ffn.topK) };
    case "sparse_mixer":
      return { raw: raw.ref, ...sparseMixer(raw, ffn.topK, noise) };
    case "topp":
      throw new ConfigError("top-p routing is for running models; train topk, relu, sparse_mixer or block", { field: "router" });
  }
}
