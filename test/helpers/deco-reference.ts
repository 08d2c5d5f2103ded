// The feed-forward branch of a DECO layer in float64, written from ../shared/golden/deco/README.md ("Maths" and "Variants behind flags") and
// nothing else: tensors as they are published, nothing folded.

export type Tensors = (name: string) => ArrayLike<number>;

/** The fields of a published configuration that it reads. */
export interface DecoJson {
  readonly hidden_size: number;
  readonly num_layers: number;
  readonly norm_epsilon: number;
  readonly ffn_hidden_size: number;
  readonly num_experts: number;
  readonly moe_ffn_hidden_size: number;
  readonly moe_shared_expert_intermediate_size?: number | null;
  readonly moe_layer_freq: readonly number[];
  readonly router_act_func: string | null;
  readonly router_norm_type: string | null;
  readonly router_norm_init_var: number;
  readonly router_norm_fixed: boolean;
  readonly router_norm_scalar: boolean;
  readonly expert_act_func: string | null;
  readonly expert_not_gated: boolean;
  readonly moe_router_enable_expert_bias: boolean;
  readonly moe_expert_bias_apply_method: string;
}

export interface Branch {
  readonly out: number[];
  /** Undefined for a dense layer. */
  readonly scores: number[] | undefined;
}

/** Elementwise functions by their published names. */
const FUNCTIONS: Readonly<Record<string, (x: number) => number>> = {
  silu: (x) => x / (1 + Math.exp(-x)),
  relu: (x) => Math.max(x, 0),
  sqrelu: (x) => Math.max(x, 0) ** 2,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  gelu: (x) => (x * (1 + erf(x / Math.SQRT2))) / 2,
  null: (x) => x,
};

/** By its Taylor series; 1 where float64 cannot tell. */
function erf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 120; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

function product(w: ArrayLike<number>, x: readonly number[], rows: number): number[] {
  return Array.from({ length: rows }, (_, r) => x.reduce((sum, value, c) => sum + (w[r * x.length + c] as number) * value, 0));
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function swiGlu(tensors: Tensors, prefix: string, size: number, x: readonly number[]): number[] {
  const gate = product(tensors(`${prefix}gate_proj.weight`), x, size);
  const up = product(tensors(`${prefix}up_proj.weight`), x, size);
  return product(
    tensors(`${prefix}down_proj.weight`),
    gate.map((g, i) => FUNCTIONS["silu"]!(g) * up[i]!),
    x.length,
  );
}

/** @param layer whose tensors `tensors` gives by their names below `model.layers.N.` @param x the normed input, `[hidden]` */
export function decoBranch(c: DecoJson, tensors: Tensors, layer: number, x: readonly number[]): Branch {
  if (c.moe_layer_freq[layer] === 0) return { out: swiGlu(tensors, "mlp.", c.ffn_hidden_size, x), scores: undefined };
  const scores = routerScores(c, tensors, x);
  const hidden = expertRows(c, tensors, x);
  const [experts, size] = [c.num_experts, c.moe_ffn_hidden_size];
  const scored = hidden.map((z, i) => z * scores[Math.floor(i / size)]!);
  let out = product(tensors("mlp.expert_down_proj.weight"), scored, x.length);
  if (scored.length !== experts * size) throw new Error("experts and their rows do not fit");
  const shared = c.moe_shared_expert_intermediate_size;
  if (shared) {
    const more = swiGlu(tensors, "mlp.shared_experts.", shared, x);
    out = out.map((value, i) => value + more[i]!);
  }
  return { out, scores };
}

function routerScores(c: DecoJson, tensors: Tensors, x: readonly number[]): number[] {
  const experts = c.num_experts;
  const raw = product(tensors("mlp.moe_router.weight"), x, experts);
  let o = raw.map(FUNCTIONS[String(c.router_act_func)]!);
  if (c.moe_router_enable_expert_bias) {
    const unit = c.moe_expert_bias_apply_method === "rms" ? Math.sqrt(mean(raw.map((r) => r * r))) : 1;
    o = o.map((value, e) => (raw[e]! + tensors("mlp.expert_bias")[e]! * unit > 0 ? value : 0));
  }
  const w = (e: number): number => {
    if (c.router_norm_fixed) return c.router_norm_init_var;
    return tensors("mlp.router_norm.weight")[c.router_norm_scalar ? 0 : e]!;
  };
  const eps = c.norm_epsilon;
  switch (String(c.router_norm_type)) {
    case "simple":
      return o.map((value, e) => value * w(e));
    case "rms":
      return o.map((value, e) => (value / Math.sqrt(mean(o.map((v) => v * v)) + eps)) * w(e));
    case "normal": {
      const centred = o.map((value) => value - mean(o));
      return centred.map((value, e) => (value / Math.sqrt(mean(centred.map((v) => v * v)) + eps)) * w(e));
    }
    default:
      return o;
  }
}

/** What the scores multiply, `[experts x size]`. */
function expertRows(c: DecoJson, tensors: Tensors, x: readonly number[]): number[] {
  const [experts, size, act] = [c.num_experts, c.moe_ffn_hidden_size, String(c.expert_act_func)];
  const up = product(tensors("mlp.expert_up_proj.weight"), x, experts * size);
  if (c.expert_not_gated) return activate(up);
  const gate = activate(product(tensors("mlp.expert_gate_proj.weight"), x, experts * size));
  return up.map((u, i) => u * gate[i]!);

  function activate(h: number[]): number[] {
    const plain = FUNCTIONS[act];
    if (plain !== undefined) return h.map(plain);
    const mu = act === "norm_silu_nomean" ? 0 : mean(h);
    const centred = h.map((value) => value - mu);
    if (act === "norm_silu_norms") return centred.map(FUNCTIONS["silu"]!);
    const gamma = tensors("mlp.expert_act.rms_norm.weight");
    return centred.map((value, i) => {
      const own = centred.slice(Math.floor(i / size) * size, (Math.floor(i / size) + 1) * size);
      return FUNCTIONS["silu"]!((value / Math.sqrt(mean(own.map((v) => v * v)) + c.norm_epsilon)) * gamma[i % size]!);
    });
  }
}
