// Writes a GGUF (version 3) file of a Llama model with synthetic weights, from the published format description:
// header, metadata, tensor descriptions, then each tensor's data at a multiple of 32 bytes.
import { cachePath, once } from "./cache.mjs";
import { FIRST_WORD, llamaTensors, shapeNamed, typeNamed } from "./shapes.mjs";
import { BLOCK, halves, normWeights, quantised } from "./weights.mjs";

const ALIGNMENT = 32;
/** Metadata value types. */
const U32 = 4,
  I32 = 5,
  F32 = 6,
  BOOL = 7,
  STRING = 8,
  ARRAY = 9;
/** ggml tensor types by bits: the code, and the bytes of 32 weights. */
const TENSOR = { 32: { code: 0, bytes: 128 }, 16: { code: 1, bytes: 64 }, 8: { code: 8, bytes: 34 }, 4: { code: 2, bytes: 18 } };
/** general.file_type by the bits of the linear layers: mostly F16, mostly Q8_0, mostly Q4_0. */
const FILE_TYPE = { 16: 1, 8: 7, 4: 2 };

const u32 = (n) => {
  const b = Buffer.alloc(4);
  b.writeUInt32LE(n);
  return b;
};
const u64 = (n) => {
  const b = Buffer.alloc(8);
  b.writeBigUInt64LE(BigInt(n));
  return b;
};
const f32 = (x) => {
  const b = Buffer.alloc(4);
  b.writeFloatLE(x);
  return b;
};
const string = (s) => {
  const bytes = Buffer.from(s);
  return Buffer.concat([u64(bytes.length), bytes]);
};

const ENCODE = { [U32]: u32, [I32]: u32, [F32]: f32, [BOOL]: (v) => Buffer.from([v ? 1 : 0]), [STRING]: string };
const entry = (key, type, value) => Buffer.concat([string(key), u32(type), ENCODE[type](value)]);
const list = (key, type, values) => Buffer.concat([string(key), u32(ARRAY), u32(type), u64(values.length), ...values.map(ENCODE[type])]);

/** A SentencePiece-style vocabulary: three special tokens, the 256 bytes, then made-up words. */
function tokenizer(vocab) {
  const special = ["<unk>", "<s>", "</s>"];
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`);
  const words = Array.from({ length: vocab - FIRST_WORD }, (_, i) => `\u2581w${i}`);
  const kinds = [2, 3, 3, ...bytes.map(() => 6), ...words.map(() => 1)]; // unknown, control, byte, normal
  return [
    entry("tokenizer.ggml.model", STRING, "llama"),
    list("tokenizer.ggml.tokens", STRING, [...special, ...bytes, ...words]),
    list(
      "tokenizer.ggml.scores",
      F32,
      kinds.map((kind, i) => (kind === 1 ? -i : 0)),
    ),
    list("tokenizer.ggml.token_type", I32, kinds),
    entry("tokenizer.ggml.bos_token_id", U32, 1),
    entry("tokenizer.ggml.eos_token_id", U32, 2),
    entry("tokenizer.ggml.unknown_token_id", U32, 0),
    entry("tokenizer.ggml.add_bos_token", BOOL, false),
  ];
}

function metadata(name, shape, linearBits) {
  const u = (key, value) => entry(`llama.${key}`, U32, value);
  return [
    entry("general.architecture", STRING, "llama"),
    entry("general.name", STRING, `synthetic ${name}`),
    entry("general.file_type", U32, FILE_TYPE[linearBits]),
    entry("general.alignment", U32, ALIGNMENT),
    u("context_length", 2048),
    u("embedding_length", shape.hidden),
    u("block_count", shape.layers),
    u("feed_forward_length", shape.ffn),
    u("attention.head_count", shape.heads),
    u("attention.head_count_kv", shape.kvHeads),
    u("rope.dimension_count", shape.hidden / shape.heads),
    u("vocab_size", shape.vocab),
    entry("llama.rope.freq_base", F32, shape.ropeBase),
    entry("llama.attention.layer_norm_rms_epsilon", F32, shape.eps),
    ...tokenizer(shape.vocab),
  ];
}

/** Q8_0: a half scale and 32 signed bytes. Q4_0: a half scale and 16 bytes, weight j below weight j + 16, offset by 8. */
function packBlocks({ blocks, scales, quants }, bits) {
  const size = TENSOR[bits].bytes;
  const out = Buffer.allocUnsafe(blocks * size);
  for (let b = 0, at = 0, q = 0; b < blocks; b++, at += size, q += BLOCK) {
    out.writeUInt16LE(scales[b], at);
    if (bits === 8) for (let j = 0; j < 32; j++) out[at + 2 + j] = quants[q + j];
    else for (let j = 0; j < 16; j++) out[at + 2 + j] = (quants[q + j] + 8) | ((quants[q + j + 16] + 8) << 4);
  }
  return out;
}

function writeTensor(sink, tensor, bits, seed) {
  if (bits === 32) return sink.write(normWeights(tensor, seed));
  if (bits === 16) return halves(tensor, seed, (chunk) => sink.write(chunk));
  for (const chunk of quantised(tensor, bits, seed)) sink.write(packBlocks(chunk, bits));
}

/** The path of the GGUF file for a shape and a weight type by name, written on first use. */
export function ggufFile(shapeName, typeName, seed = 1) {
  const shape = shapeNamed(shapeName);
  const type = typeNamed(typeName);
  return once(cachePath(`llama-${shapeName}-${typeName}-s${seed}`, "gguf"), (sink) => {
    const tensors = llamaTensors(shape).map((t) => {
      const bits = t.role === "norm" ? 32 : type[t.role];
      return { ...t, bits, bytes: (t.rows * t.cols * TENSOR[bits].bytes) / BLOCK };
    });
    const entries = metadata(shapeName, shape, type.linear);
    sink.write(Buffer.concat([Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(entries.length), ...entries]));
    let offset = 0;
    for (const { name, role, rows, cols, bits, bytes } of tensors) {
      const dims = role === "norm" ? [cols] : [cols, rows];
      sink.write(Buffer.concat([string(name), u32(dims.length), ...dims.map(u64), u32(TENSOR[bits].code), u64(offset)]));
      offset += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    }
    for (const tensor of tensors) {
      sink.pad(ALIGNMENT);
      writeTensor(sink, tensor, tensor.bits, seed);
    }
    sink.pad(ALIGNMENT);
  });
}
