import { tinySafetensors, type TinyTensor } from "./tiny-safetensors.ts";

/** Turns a llama2.c checkpoint (version 0: seven int32, then f32 weights) into the files of a Hugging Face Llama folder. */
export function llama2cFolder(bin: Uint8Array): { "config.json": string; "model.safetensors": Uint8Array } {
  const view = new DataView(bin.buffer, bin.byteOffset, bin.byteLength);
  const [dim, hiddenDim, layers, heads, kvHeads, vocabSigned, context] = Array.from({ length: 7 }, (_, i) =>
    view.getInt32(i * 4, true),
  ) as [number, number, number, number, number, number, number];
  const vocab = Math.abs(vocabSigned);
  const headDim = dim / heads;
  let at = 28;
  const take = (count: number): Float32Array => {
    const values = new Float32Array(bin.buffer.slice(bin.byteOffset + at, bin.byteOffset + at + count * 4));
    at += count * 4;
    return values;
  };
  const tensors: TinyTensor[] = [];
  const add = (name: string, data: Float32Array, shape: number[]): void => {
    tensors.push({ name, dtype: "F32", shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });
  };
  const stack = (suffix: string, rows: number, cols: number, change = (w: Float32Array): Float32Array => w): void => {
    for (let l = 0; l < layers; l++) add(`model.layers.${l}.${suffix}`, change(take(rows * cols)), cols === 1 ? [rows] : [rows, cols]);
  };
  add("model.embed_tokens.weight", take(vocab * dim), [vocab, dim]);
  stack("input_layernorm.weight", dim, 1);
  stack("self_attn.q_proj.weight", dim, dim, (w) => halfSplit(w, heads, headDim, dim));
  stack("self_attn.k_proj.weight", kvHeads * headDim, dim, (w) => halfSplit(w, kvHeads, headDim, dim));
  stack("self_attn.v_proj.weight", kvHeads * headDim, dim);
  stack("self_attn.o_proj.weight", dim, dim);
  stack("post_attention_layernorm.weight", dim, 1);
  stack("mlp.gate_proj.weight", hiddenDim, dim);
  stack("mlp.down_proj.weight", dim, hiddenDim);
  stack("mlp.up_proj.weight", hiddenDim, dim);
  add("model.norm.weight", take(dim), [dim]);
  const config = {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    hidden_size: dim,
    intermediate_size: hiddenDim,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    vocab_size: vocab,
    max_position_embeddings: context,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: vocabSigned > 0,
    hidden_act: "silu",
    bos_token_id: 1,
    eos_token_id: 2,
  };
  return { "config.json": JSON.stringify(config), "model.safetensors": tinySafetensors(tensors) };
}

/** llama2.c rotates neighbours (2i, 2i + 1), Hugging Face halves (i, i + half): the rows of each head change places. */
function halfSplit(w: Float32Array, heads: number, headDim: number, cols: number): Float32Array {
  const out = new Float32Array(w.length);
  for (let h = 0; h < heads; h++) {
    for (let i = 0; i < headDim; i++) {
      const from = h * headDim + (i < headDim / 2 ? 2 * i : 2 * (i - headDim / 2) + 1);
      out.set(w.subarray(from * cols, (from + 1) * cols), (h * headDim + i) * cols);
    }
  }
  return out;
}

/** Reads a llama2.c tokenizer and returns its decoder: token ids after BOS to text, as run.c prints them. */
export function llama2cDecoder(bin: Uint8Array): (ids: readonly number[]) => string {
  const view = new DataView(bin.buffer, bin.byteOffset, bin.byteLength);
  const pieces: Uint8Array[] = [];
  for (let at = 4; at < bin.length;) {
    const length = view.getInt32(at + 4, true);
    pieces.push(bin.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return (ids) => {
    const bytes: number[] = [];
    ids.forEach((id, i) => {
      const piece = pieces[id] as Uint8Array;
      const raw = /^<0x([0-9A-F]{2})>$/.exec(new TextDecoder().decode(piece));
      if (raw !== null) bytes.push(parseInt(raw[1] as string, 16));
      else bytes.push(...(i === 0 && piece[0] === 32 ? piece.subarray(1) : piece));
    });
    return new TextDecoder().decode(Uint8Array.from(bytes));
  };
}
