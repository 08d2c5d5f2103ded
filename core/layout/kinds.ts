// Kinds of attention, layers, routers, norms, activations and expert biases, as descriptors name them.

export const ATTENTION_GQA = 0;
export const ATTENTION_MLA = 1;
export const FFN_KIND_DENSE = 0;
export const FFN_KIND_EXPERTS = 1;
export const ROUTER_BLOCK = 0;
export const ROUTER_TOPK = 1;
export const ROUTER_TOPP = 2;
export const ROUTER_RELU = 3;
export const ROUTER_SPARSE_MIXER = 4;
export const ROUTER_NORM_NONE = 0;
export const ROUTER_NORM_RMS = 1;
export const ROUTER_NORM_SUM = 2;
/** DECO (arXiv 2605.10933): a learned multiply alone. */
export const ROUTER_NORM_SCALE = 3;
/** Mean taken off, divided by the standard deviation, and multiplied: every expert then has a score. */
export const ROUTER_NORM_STANDARD = 4;
export const ACTIVATION_SILU = 0;
export const ACTIVATION_RELU = 1;
export const ACTIVATION_RELU_SQUARED = 2;
export const ACTIVATION_GELU = 3;
export const ACTIVATION_SIGMOID = 4;
export const ACTIVATION_NONE = 5;
export const EXPERT_BIAS_NONE = 0;
/** An expert stays if its score with its bias is above 0 ... */
export const EXPERT_BIAS_PLAIN = 1;
/** ... or with its bias times the root mean square of the token's scores. */
export const EXPERT_BIAS_RMS = 2;
