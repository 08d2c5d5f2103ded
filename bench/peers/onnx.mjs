// Writes an ONNX Llama decoder for ONNX Runtime: MatMulNBits (or DynamicQuantizeMatMul), GroupQueryAttention with
// rotary embedding and a KV cache, SimplifiedLayerNormalization (= RMSNorm); the same model as the GGUF file.
import { rmSync } from "node:fs";
import { basename } from "node:path";
import { cachePath, once } from "./cache.mjs";
import { MICROSOFT, OnnxModel, TYPE } from "./onnx-model.mjs";
import { embedding, product } from "./onnx-weights.mjs";
import { llamaTensors, shapeNamed, typeNamed } from "./shapes.mjs";
import { normWeights } from "./weights.mjs";

/** cos and sin of position * base^(-2i / headDim), [positions, headDim / 2] each. */
function rotaryTables(model, positions, headDim, base) {
  const half = headDim / 2;
  const table = (f) =>
    Float32Array.from({ length: positions * half }, (_, i) => f(Math.floor(i / half) * base ** ((-2 * (i % half)) / headDim)));
  return [
    model.constant("cos", TYPE.f32, [positions, half], table(Math.cos)),
    model.constant("sin", TYPE.f32, [positions, half], table(Math.sin)),
  ];
}

/** Adds the decoder's graph to `model`. */
function decoder(model, shape, type, flavour, seed, positions) {
  const { hidden, layers, heads, kvHeads, vocab, tied, eps, ropeBase } = shape;
  const headDim = hidden / heads;
  const byName = new Map(llamaTensors(shape).map((t) => [t.name, t]));
  const tensor = (name) => byName.get(`${name}.weight`);
  const linear = (x, ...names) => product(model, names.map(tensor), { flavour, bits: type.linear, seed }, x);
  const normWeight = (name) => model.constant(name, TYPE.f32, [hidden], normWeights(tensor(name), seed));

  const ids = model.input("input_ids", TYPE.i64, [1, "sequence"]);
  const last = model.input("seqlens_k", TYPE.i32, [1]);
  const total = model.input("total_sequence_length", TYPE.i32, []);
  const [cos, sin] = rotaryTables(model, positions, headDim, ropeBase);

  let stream = embedding(model, tensor("token_embd"), seed, ids);
  /** The residual stream plus `branch`, normed; the first time there is no branch. */
  const norm = (name, branch) => {
    if (!branch)
      return model.node("SimplifiedLayerNormalization", [stream, normWeight(name)], [`${name}.y`], {
        axis: -1,
        epsilon: eps,
        stash_type: 1,
      });
    const sum = `${name}.sum`;
    const y = model.node(
      "SkipSimplifiedLayerNormalization",
      [stream, branch, normWeight(name)],
      [`${name}.y`, "", "", sum],
      { epsilon: eps },
      MICROSOFT,
    );
    stream = sum;
    return y;
  };

  let branch;
  for (let i = 0; i < layers; i++) {
    const past = ["key", "value"].map((kind) => model.input(`past.${i}.${kind}`, TYPE.f32, [1, kvHeads, "past", headDim]));
    const present = ["key", "value"].map((kind) => model.output(`present.${i}.${kind}`, TYPE.f32, [1, kvHeads, "total", headDim]));
    const qkv = linear(norm(`blk.${i}.attn_norm`, branch), `blk.${i}.attn_q`, `blk.${i}.attn_k`, `blk.${i}.attn_v`);
    const attended = model.node(
      "GroupQueryAttention",
      [qkv, "", "", ...past, last, total, cos, sin],
      [`blk.${i}.attention`, ...present],
      { num_heads: heads, kv_num_heads: kvHeads, do_rotary: 1, rotary_interleaved: 1 },
      MICROSOFT,
    );
    const x = norm(`blk.${i}.ffn_norm`, linear(attended, `blk.${i}.attn_output`));
    const gate = linear(x, `blk.${i}.ffn_gate`);
    const sigmoid = model.node("Sigmoid", [gate], [`blk.${i}.sigmoid`]);
    const silu = model.node("Mul", [gate, sigmoid], [`blk.${i}.silu`]);
    const gated = model.node("Mul", [silu, linear(x, `blk.${i}.ffn_up`)], [`blk.${i}.gated`]);
    branch = linear(gated, `blk.${i}.ffn_down`);
  }
  // Logits of the last token only, as the other engines compute.
  const minusOne = model.constant("minus_one", TYPE.i64, [1], BigInt64Array.of(-1n));
  const final = model.node("Gather", [norm("output_norm", branch), minusOne], ["last"], { axis: 1 });
  const head = product(model, [tensor(tied ? "token_embd" : "output")], { flavour, bits: type.embedding, seed }, final);
  model.output(model.node("Identity", [head], ["logits"]), TYPE.f32, [1, 1, vocab]);
}

/**
 * The paths of the ONNX files of a shape and a weight type by name, written on first use.
 * `flavour`: "nbits" (f32 activations), "nbits-a8" (8-bit activations), "dynamic" (int8 weights with one scale an
 * output and 8-bit activations, for the 8-bit matrices).
 */
export function onnxFiles(shapeName, typeName, flavour, { seed = 1, positions = 2048 } = {}) {
  const shape = shapeNamed(shapeName);
  const type = typeNamed(typeName);
  if (type.linear > 8) throw new Error(`no ONNX generator for weight type "${typeName}"`);
  const stem = `llama-${shapeName}-${typeName}-${flavour}-s${seed}`;
  const path = cachePath(stem, "onnx");
  const data = cachePath(stem, "onnx.data");
  once(path, (file) => {
    rmSync(data, { force: true }); // left by a run that was stopped between the two
    once(data, (sink) => {
      const model = new OnnxModel(sink, basename(data));
      decoder(model, shape, type, flavour, seed, positions);
      file.write(model.encode());
    });
  });
  return { path, data };
}
