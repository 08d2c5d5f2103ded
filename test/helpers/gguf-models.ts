import { denseWeights } from "./dense-weights.ts";
import type { ConfigJson } from "./tiny-checkpoint.ts";
import { tinyGguf, type GgufEntry, type GgufTensorData } from "./tiny-gguf.ts";

/** Tensors of a checkpoint by their Hugging Face names, f32. */
export type Weights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^model\.layers\.(\d+)\.input_layernorm\./, "blk.$1.attn_norm."],
  [/^model\.layers\.(\d+)\.post_attention_layernorm\./, "blk.$1.ffn_norm."],
  [/^model\.layers\.(\d+)\.self_attn\.([qk])_norm\./, "blk.$1.attn_$2_norm."],
  [/^model\.layers\.(\d+)\.self_attn\.([qkv])_proj\./, "blk.$1.attn_$2."],
  [/^model\.layers\.(\d+)\.self_attn\.o_proj\./, "blk.$1.attn_output."],
  [/^model\.layers\.(\d+)\.mlp\.(gate|up|down)_proj\./, "blk.$1.ffn_$2."],
  [/^model\.embed_tokens\./, "token_embd."],
  [/^model\.norm\./, "output_norm."],
  [/^lm_head\./, "output."],
];

/** Rows 0, n/2, 1, n/2 + 1, ... of every head: reshape(heads, 2, n/2, cols).swapaxes(1, 2), as llama.cpp's converter does. */
function permute(data: Float32Array, rows: number, heads: number): Float32Array {
  const cols = data.length / rows;
  const half = rows / heads / 2;
  const out = new Float32Array(data.length);
  for (let h = 0; h < heads; h++)
    for (let part = 0; part < 2; part++)
      for (let i = 0; i < half; i++)
        out.set(
          data.subarray(((h * 2 + part) * half + i) * cols, ((h * 2 + part) * half + i + 1) * cols),
          ((h * half + i) * 2 + part) * cols,
        );
  return out;
}

/** Factors of Llama 3.1's scaling, as llama.cpp's converter writes them. */
function ropeFactors(dim: number, theta: number, scaling: ConfigJson): Float32Array {
  const [factor, low, high, original] = ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"].map(
    (key) => scaling[key] as number,
  ) as [number, number, number, number];
  return Float32Array.from({ length: dim / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * theta ** ((2 * i) / dim);
    if (wavelength < original / high) return 1;
    if (wavelength > original / low) return factor;
    const smooth = (original / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

/** A dense model of a Hugging Face folder as llama.cpp's converter writes it, all f32, without tokenizer unless `more` has one. */
export function ggufOf(
  architecture: "llama" | "qwen2" | "qwen3" | "minicpm",
  config: ConfigJson,
  weights: Weights,
  more: Readonly<Record<string, GgufEntry>> = {},
): { readonly metadata: Record<string, GgufEntry>; readonly tensors: Record<string, GgufTensorData>; readonly bytes: Uint8Array } {
  const of = (key: string): number => config[key] as number;
  const heads = of("num_attention_heads");
  const kvHeads = of("num_key_value_heads");
  const dim = (config["head_dim"] as number | undefined) ?? of("hidden_size") / heads;
  const theta = (config["rope_theta"] as number | undefined) ?? 10_000;
  const scaling = config["rope_scaling"] as ConfigJson | null | undefined;
  const metadata: Record<string, GgufEntry> = {
    "general.architecture": ["string", architecture],
    [`${architecture}.context_length`]: ["u32", of("max_position_embeddings")],
    [`${architecture}.embedding_length`]: ["u32", of("hidden_size")],
    [`${architecture}.block_count`]: ["u32", of("num_hidden_layers")],
    [`${architecture}.feed_forward_length`]: ["u32", of("intermediate_size")],
    [`${architecture}.attention.head_count`]: ["u32", heads],
    [`${architecture}.attention.head_count_kv`]: ["u32", kvHeads],
    [`${architecture}.attention.key_length`]: ["u32", dim],
    [`${architecture}.attention.value_length`]: ["u32", dim],
    [`${architecture}.rope.dimension_count`]: ["u32", dim],
    [`${architecture}.rope.freq_base`]: ["f32", theta],
    [`${architecture}.attention.layer_norm_rms_epsilon`]: ["f32", of("rms_norm_eps")],
    [`${architecture}.vocab_size`]: ["u32", of("vocab_size")],
    "tokenizer.ggml.model": ["string", "no_vocab"],
    ...more,
  };
  if (architecture === "minicpm") {
    metadata["minicpm.embedding_scale"] = ["f32", of("scale_emb")];
    metadata["minicpm.residual_scale"] = ["f32", of("scale_depth") / Math.sqrt(of("num_hidden_layers"))];
    metadata["minicpm.logit_scale"] = ["f32", of("hidden_size") / of("dim_model_base")];
  }
  const tensors: Record<string, GgufTensorData> = {};
  if (scaling?.["type"] === "linear") {
    metadata[`${architecture}.rope.scaling.type`] = ["string", "linear"];
    metadata[`${architecture}.rope.scaling.factor`] = ["f32", scaling["factor"] as number];
  } else if (scaling?.["rope_type"] === "llama3") {
    const factors = ropeFactors(dim, theta, scaling);
    tensors["rope_freqs.weight"] = { shape: [factors.length], bytes: new Uint8Array(factors.buffer) };
  }
  const turned = architecture === "llama" || architecture === "minicpm";
  for (const [name, { shape, data }] of weights) {
    const [pattern, target] = NAMES.find(([pattern]) => pattern.test(name))!;
    const own = turned ? (/self_attn\.q_proj/.test(name) ? heads : /self_attn\.k_proj/.test(name) ? kvHeads : 0) : 0;
    const stored = own === 0 ? data : permute(data, shape[0]!, own);
    tensors[name.replace(pattern, target)] = { shape, bytes: new Uint8Array(stored.slice().buffer) };
  }
  return { metadata, tensors, bytes: tinyGguf(metadata, tensors) };
}

/** A model so small that most damage hits its header. */
export function tinyGgufModel(architecture: "llama" | "qwen2"): Uint8Array {
  const config: ConfigJson = {
    architectures: [architecture === "llama" ? "LlamaForCausalLM" : "Qwen2ForCausalLM"],
    hidden_size: 4,
    intermediate_size: 4,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 2,
    vocab_size: 7,
    max_position_embeddings: 96,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
    rope_theta: 500,
    ...(architecture === "llama" && {
      rope_scaling: { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 32 },
    }),
  };
  const texts = architecture === "llama" ? ["<unk>", "<s>", "</s>", "<0x0A>", "a", "b", "ab"] : ["a", "b", "ab", "Ġ", "Ġa", "<e>", "c"];
  const { tensors, bytes } = ggufOf(architecture, config, denseWeights(config), {
    "tokenizer.ggml.model": ["string", architecture === "llama" ? "llama" : "gpt2"],
    "tokenizer.ggml.pre": ["string", "qwen2"],
    "tokenizer.ggml.tokens": ["string", texts],
    "tokenizer.ggml.token_type": ["i32", architecture === "llama" ? [2, 3, 3, 6, 1, 1, 1] : [1, 1, 1, 1, 1, 3, 1]],
    ...(architecture === "llama"
      ? { "tokenizer.ggml.scores": ["f32", [0, 0, 0, 0, -3, -2, -1]] as const }
      : { "tokenizer.ggml.merges": ["string", ["a b", "Ġ a"]] as const, "tokenizer.ggml.eos_token_id": ["u32", 5] as const }),
    "tokenizer.chat_template": ["string", "{{ bos_token }}{{ messages[0].content }}"],
  });
  // Without the padding after the last tensor, so that every byte is needed.
  const last = Object.values(tensors).at(-1)!.bytes.length;
  return bytes.subarray(0, bytes.length - ((32 - (last % 32)) % 32));
}
