/** Attention with grouped key/value heads. `headDim` is the size of a head. */
export interface GqaAttention {
  readonly kind: "gqa";
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
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

/** One feed-forward network for every token. */
export interface DenseFfn {
  readonly kind: "dense";
  readonly size: number;
  readonly gated: boolean;
}

/** How tokens choose experts. `block` is BlockFFN's ReLU router; the rest are the baselines of the paper. */
export type RouterKind = "block" | "topk" | "topp" | "relu" | "sparse_mixer";

/** Non-gated SiLU experts behind a router, plus optional shared experts that every token uses. */
export interface ExpertFfn {
  readonly kind: "experts";
  readonly router: RouterKind;
  /** Routed experts (shared ones not counted). */
  readonly experts: number;
  readonly expertSize: number;
  /** Normalisation after the block router. */
  readonly routerNorm: "rms" | "sum" | "none";
  readonly normScale: number;
  readonly topK: number;
  readonly topP: number;
  /** Intermediate size of the shared experts together; 0 for none. */
  readonly sharedSize: number;
  readonly sharedGated: boolean;
}

/** A model's architecture after all defaults and oddities are resolved. The engine needs nothing else. */
export interface ModelConfig {
  readonly architecture: "minicpm" | "llama";
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  /** max_position_embeddings. */
  readonly contextLength: number;
  readonly rmsEps: number;
  readonly ropeTheta: number;
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
