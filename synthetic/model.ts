import { PANEL_ROWS, Q8_HEAD_BYTES, SCALE_BYTES, WEIGHT_BF16 as BF16, WEIGHT_F32 as F32, WEIGHT_Q8 as Q8 } from "../core/layout/matrix.ts";
import { writeFileAtomically } from "../host/node/output.ts";
import { PackedWriter } from "../src/format/packed/write.ts";
import type { Host, Tier } from "../src/host.ts";
import type { ModelConfig } from "../src/architecture/config.ts";
import { Engine } from "../src/engine/engine.ts";
import { EagleHead } from "../src/engine/eagle.ts";
import { ModelInstance } from "../src/engine/instance.ts";
import type { Part } from "../core/plan.ts";
import { matrixBytes, panelBytes, scaleGroups, scaleStride } from "../core/panel.ts";
import { planEagle, planWeights } from "../src/architecture/plan.ts";
import { chooseReadAhead } from "../src/load/read-ahead.ts";
import type { Quantization } from "../src/architecture/quantization.ts";
import { fillRandom, fillUniform } from "./random.ts";

/** A model of a given shape with random weights, every byte of them written, scaled so that activations stay near 1. */
export async function syntheticModel(
  host: Host,
  config: ModelConfig,
  quantization: Quantization,
  tier: Tier,
  threads = 1,
): Promise<ModelInstance> {
  const model = syntheticOn(await Engine.start(host, tier, { threads }), config, quantization, tier);
  chooseReadAhead(model, () => host.now());
  return model;
}

/** One write call takes at most 2 GiB. */
const WRITE_BYTES = 2 ** 26;

/** Writes such a model as a packed file, without a tokenizer. @returns bytes of the file. */
export async function writeSynthetic(
  host: Host,
  config: ModelConfig,
  quantization: Quantization,
  path: string,
  tier: Tier = "simd",
): Promise<number> {
  const model = await syntheticModel(host, config, quantization, tier);
  try {
    return await writeFileAtomically(path, async (file) => {
      const writer = new PackedWriter((bytes) => file.write(bytes), { config, plan: model.plan });
      await writer.start();
      for (let at = 0; at < model.plan.end; at += WRITE_BYTES) {
        await writer.put(at, model.engine.bytes(model.addresses.weights + at, Math.min(WRITE_BYTES, model.plan.end - at)));
      }
      await writer.finish();
      return writer.fileSize;
    });
  } finally {
    model.dispose();
  }
}

/** `syntheticModel` over an engine that is there already, from its heap base on. */
export function syntheticOn(engine: Engine, config: ModelConfig, quantization: Quantization, tier: Tier): ModelInstance {
  const plan = planWeights(config, quantization);
  const model = new ModelInstance({ name: "synthetic", config, tier, engine, plan, ffn: "sparse" });
  plan.parts.forEach((part, i) => fillPart(engine, model.addresses.weights, part, i + 1));
  return model;
}

/**
 * An EAGLE head with random weights for a model: one layer with as many FFN weights as a layer of the model has (gated), the
 * model's grouped-query attention or plain heads of its width, and a draft vocabulary of the first `vocab` tokens.
 */
export function syntheticEagle(base: ModelInstance, vocab: number): EagleHead {
  const { attention, ffn, hiddenSize, vocabSize } = base.config;
  const wide = ffn.kind === "dense" ? ffn.size * (ffn.gated ? 3 : 2) : ffn.experts * ffn.expertSize * 2;
  const draftTokens = Uint32Array.from({ length: Math.min(vocab, vocabSize) }, (_, i) => i);
  const config: ModelConfig = {
    ...base.config,
    layers: 1,
    residualScale: 1,
    vocabSize: draftTokens.length,
    attention:
      attention.kind === "gqa"
        ? attention
        : { kind: "gqa", heads: attention.heads, kvHeads: attention.heads, headDim: hiddenSize / attention.heads },
    ffn: { kind: "dense", size: Math.ceil(wide / 3 / 64) * 64, gated: true },
  };
  const plan = planEagle(config, base.quantization);
  const head = new EagleHead("synthetic EAGLE head", base, config, plan, draftTokens);
  plan.parts.forEach((part, i) => fillPart(base.engine, head.addresses.weights, part, 1_000_003 + i));
  return head;
}

function fillPart(engine: Engine, weights: number, part: Part, seed: number): void {
  const at = weights + part.offset;
  if (part.vector) {
    engine.f32(at, part.bytes / 4).fill(1);
    return;
  }
  for (let c = 0; c < part.count; c++) {
    part.tensors.forEach(({ rows, cols }, i) =>
      fillMatrix(engine, at + c * part.stride + part.matrixOffset(i), part.type, rows, cols, seed * 8191 + c + i * 131071),
    );
  }
}

/** Random weights of any type with standard deviation 1 / sqrt(cols), every byte written. */
export function fillMatrix(engine: Engine, at: number, type: number, rows: number, cols: number, seed: number): void {
  const bytes = matrixBytes(type, rows, cols);
  const deviation = 1 / Math.sqrt(cols);
  if (type === F32) return fillUniform(engine.f32(at, bytes / 4), seed, deviation * Math.sqrt(3));
  if (type === BF16) return fillBf16(new Uint16Array(engine.memory.buffer, at, bytes / 2), seed, deviation * Math.sqrt(3));
  fillRandom(engine.u32(at, bytes / 4), seed);
  // Uniform integers in +-128 (+-8) have a standard deviation of 74 (4.6).
  const scale = new Float32Array([deviation / (type === Q8 ? 74 : 4.6)]);
  const bits = (new Uint32Array(scale.buffer)[0] as number) >>> 16;
  const scales = new Uint16Array(engine.memory.buffer, at, bytes / 2);
  const count = scaleGroups(type, cols);
  const stride = scaleStride(type);
  const panel = panelBytes(type, cols);
  for (let p = 0; p < bytes; p += panel) {
    for (let g = 0; g < count; g++) {
      for (let r = 0; r < SCALE_BYTES / 2; r++) {
        scales[(p + g * stride) / 2 + r] = type === Q8 ? bits : bits - (Q4_EXPONENT_OFF[r >> 2] as number) * 128;
      }
    }
    if (type === Q8)
      for (let g = 0; g < count; g++)
        putSums(new Uint8Array(engine.memory.buffer, at + p + g * stride, Math.min(stride, panel - g * stride)));
  }
}

/** The sums of a q8 group's weights, behind its scales. */
function putSums(group: Uint8Array): void {
  const sums = new Int16Array(group.buffer, group.byteOffset + SCALE_BYTES, PANEL_ROWS);
  sums.fill(0);
  for (let at = Q8_HEAD_BYTES; at < group.length; at++) (sums[(at >> 2) & (PANEL_ROWS - 1)] as number) += (group[at] as number) - 128;
}

/** Uniform in +-limit, cut to bfloat16. */
function fillBf16(out: Uint16Array, seed: number, limit: number): void {
  const floats = new Float32Array(out.length);
  fillUniform(floats, seed, limit);
  const words = new Uint32Array(floats.buffer);
  for (let i = 0; i < out.length; i++) out[i] = (words[i] as number) >>> 16;
}

/** Rows 4..7 and 12..15 of a q4 panel carry scales divided by 16 (kernels/scalar/matmul_q4.ts): 4 off the exponent. */
const Q4_EXPONENT_OFF = [0, 4, 0, 4];
