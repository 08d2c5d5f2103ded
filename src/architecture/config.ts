/** Attention with grouped key/value heads. `headDim` is the size of a head. */
export interface GqaAttention {
  readonly kind: "gqa";
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Queries, keys and values have a bias (Qwen2). Default: false. */
  readonly qkvBias?: boolean;
  /** Every head's query and key has an RMS norm before RoPE (Qwen3), with the model's epsilon. Default: false. */
  readonly qkNorm?: boolean;
}

/** Multi-head latent attention (DeepSeek-V2): keys and values are kept as one compressed row per token. */
export interface MlaAttention {
  readonly kind: "mla";
  readonly heads: number;
  readonly qRank: number;
  readonly kvRank: number;
  readonly nopeDim: number;
  readonly ropeDim: number;
  readonly valueDim: number;
  /** Epsilon of q_a_layernorm and kv_a_layernorm: 1e-6 whatever rms_norm_eps says. */
  readonly loraEps: number;
}

/** RoPE's frequencies, all divided by `factor` (position interpolation, arXiv 2306.15595). */
export interface LinearRopeScaling {
  readonly kind: "linear";
  readonly factor: number;
}

/**
 * RoPE's low frequencies divided by `factor` (Llama 3.1): those whose wavelength is above original / low; none below original / high;
 * between the two a mean of both. `original` is the context trained with before.
 */
export interface Llama3RopeScaling {
  readonly kind: "llama3";
  readonly factor: number;
  readonly low: number;
  readonly high: number;
  readonly original: number;
}

export type RopeScaling = LinearRopeScaling | Llama3RopeScaling;

/** One feed-forward network for every token. */
export interface DenseFfn {
  readonly kind: "dense";
  readonly size: number;
  readonly gated: boolean;
}

export type Activation = "silu" | "relu" | "relu_squared" | "gelu" | "sigmoid" | "none";

/** How tokens choose experts. `block` is BlockFFN's ReLU router; the rest are the baselines of the paper. */
export type RouterKind = "block" | "topk" | "topp" | "relu" | "sparse_mixer";

/** SiLU experts, non-gated unless said, behind a router, plus optional shared experts that every token uses. */
export interface ExpertFfn {
  readonly kind: "experts";
  readonly router: RouterKind;
  /** Routed experts (shared ones not counted). */
  readonly experts: number;
  readonly expertSize: number;
  /** Normalisation after the block router. */
  readonly routerNorm: "rms" | "sum" | "none" | "scale" | "standard";
  readonly normScale: number;
  readonly topK: number;
  readonly topP: number;
  /** Intermediate size of the shared experts together; 0 for none. */
  readonly sharedSize: number;
  readonly sharedGated: boolean;
  /** What DECO (arXiv 2605.10933) and its relatives add; left out, it is the first that is named. */
  readonly activation?: Activation;
  /** What an expert's activation reads: as it is; less its mean over all experts (`mean`); normed within the expert (`rms`); or both. */
  readonly expertNorm?: "none" | "mean_rms" | "rms" | "mean";
  /** Experts have a gate, to which the activation goes. Default: false. */
  readonly expertGated?: boolean;
  /** A bias that takes experts away: those whose score with it, plain or times the root mean square of the scores, is not above 0. */
  readonly expertBias?: "none" | "plain" | "rms";
  /** Of a block router; default: relu. */
  readonly routerActivation?: Activation;
  /** Weight of the router's norm: one for each expert, one for all, or the constant normScale. */
  readonly routerScale?: "learned" | "scalar" | "fixed";
  /** Layers that have a dense network instead, ascending, with its width and whether it is gated. */
  readonly denseLayers?: readonly number[];
  readonly denseSize?: number;
  readonly denseGated?: boolean;
}

/** A model's architecture after all defaults and oddities are resolved. The engine needs nothing else. */
export interface ModelConfig {
  /** Whose checkpoints it is read from; Mistral's are "llama". */
  readonly architecture: "minicpm" | "llama" | "blockffn" | "qwen2" | "qwen3";
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  /** max_position_embeddings; with a sliding window, no more than that: within it, it makes no difference. */
  readonly contextLength: number;
  readonly rmsEps: number;
  readonly ropeTheta: number;
  readonly ropeScaling?: RopeScaling;
  /** Multiplies embeddings (MiniCPM scale_emb). */
  readonly embedScale: number;
  /** Multiplies each residual branch (MiniCPM scale_depth / sqrt(layers)). */
  readonly residualScale: number;
  /** Multiplies the normed hidden state before the head (MiniCPM dim_model_base / hidden_size). */
  readonly logitScale: number;
  /** The head is the embedding. */
  readonly tied: boolean;
  readonly attention: GqaAttention | MlaAttention;
  readonly ffn: DenseFfn | ExpertFfn;
  readonly bosTokenId: number | undefined;
  readonly eosTokenIds: readonly number[];
}

/** Layers with experts, ascending. */
export function expertLayers({ ffn, layers }: ModelConfig): number[] {
  if (ffn.kind !== "experts") return [];
  return Array.from({ length: layers }, (_, layer) => layer).filter((layer) => !ffn.denseLayers?.includes(layer));
}
