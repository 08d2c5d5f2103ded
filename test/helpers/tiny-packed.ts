import { convertModel } from "../../src/load/convert.ts";
import type { Quantization } from "../../src/architecture/quantization.ts";
import { normals } from "./kernel-bench.ts";
import { MemoryFiles } from "./memory-files.ts";
import { tinyTensors, type ConfigJson } from "./tiny-checkpoint.ts";
import { tinySafetensors, type TinyTensor } from "./tiny-safetensors.ts";

/** Random weights for tensors. */
function filled(tensors: readonly TinyTensor[]): TinyTensor[] {
  return tensors.map((tensor, i) => ({
    ...tensor,
    bytes: new Uint8Array(
      normals(
        tensor.shape.reduce((a, b) => a * b, 1),
        i + 1,
        0.3,
      ).buffer,
    ),
  }));
}

/** A safetensors file of random weights for a configuration. */
export function tinyWeights(config: ConfigJson): Uint8Array {
  return tinySafetensors(filled(tinyTensors(config)));
}

/** Files of a tiny checkpoint with random weights. */
export function tinyModelFiles(config: ConfigJson): MemoryFiles {
  return new MemoryFiles({ "config.json": JSON.stringify(config), "model.safetensors": tinyWeights(config), "tokenizer.json": "{}" });
}

/** Files of a tiny EAGLE head for a base model of that configuration, with a ranking of its tokens. */
export function tinyEagleFiles(base: ConfigJson, ranking?: readonly number[]): MemoryFiles {
  const { hidden_size: hidden, vocab_size: vocab } = base as { hidden_size: number; vocab_size: number };
  const config = {
    hidden_size: hidden,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    intermediate_size: 12,
    vocab_size: vocab,
  };
  const layer = {
    "self_attn.q_proj": [8, hidden],
    "self_attn.k_proj": [4, hidden],
    "self_attn.v_proj": [4, hidden],
    "self_attn.o_proj": [hidden, 8],
    "mlp.gate_proj": [12, hidden],
    "mlp.up_proj": [12, hidden],
    "mlp.down_proj": [hidden, 12],
    post_attention_layernorm: [hidden],
  };
  const shapes = {
    "fc.weight": [hidden, 2 * hidden],
    "input_norm1.weight": [hidden],
    "input_norm2.weight": [hidden],
    ...Object.fromEntries(Object.entries(layer).map(([name, shape]) => [`layers.0.${name}.weight`, shape])),
  };
  const tensors = Object.entries(shapes).map(([name, shape]): TinyTensor => ({ name, dtype: "F32", shape }));
  return new MemoryFiles({
    "config.json": JSON.stringify(config),
    "model.safetensors": tinySafetensors(filled(tensors)),
    "token_frequency_rank.json": JSON.stringify(ranking ?? Array.from({ length: vocab }, (_, i) => (i * 7 + 3) % vocab)),
  });
}

/** Packs a tiny checkpoint with random weights, with an EAGLE head of so many draft tokens if they are given (0: all). */
export async function packTiny(config: ConfigJson, quantization: Quantization, draftVocab?: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const draft = draftVocab === undefined ? undefined : { files: tinyEagleFiles(config), draftVocab };
  await convertModel(tinyModelFiles(config), quantization, (bytes) => void pieces.push(bytes), undefined, draft);
  return new Uint8Array(Buffer.concat(pieces));
}
