import { Limits } from "../../../core/limits.ts";
import type { ModelConfig, RopeScaling } from "../../architecture/config.ts";
import { ConfigError } from "../../errors.ts";
import type { GgufHeader } from "./header.ts";
import type { Metadata } from "./metadata.ts";
import { EMBEDDING, FIRST_BIAS, HEAD } from "./names.ts";
import { stopTokens } from "./tokens.ts";

/** Architectures that are read, and whether their files have queries and keys for RoPE of neighbours (names.ts). */
const ARCHITECTURES = { llama: true, qwen2: false, qwen3: false, minicpm: true } as const;
type GgufArchitecture = keyof typeof ARCHITECTURES;

/** Of MiniCPM files without the keys: what the model has (arXiv 2404.06395), scale_emb, scale_depth and dim_model_base. */
const MINICPM = { embedding: 12, depth: 1.4, base: 256 } as const;
const DEFAULT_ROPE_THETA = 10_000;
const DEFAULT_CONTEXT = 2048;

/** A model as a GGUF file's metadata describe it. */
export interface GgufConfig {
  readonly config: ModelConfig;
  readonly interleaved: boolean;
}

/**
 * Reads a model's configuration (ggml docs/gguf.md, "LLM"; llama.cpp's llama-arch.cpp).
 * @param ropeScaling what the tensor of RoPE's factors says, where there is one
 * @throws ConfigError naming the key and what is supported
 */
export function ggufConfig({ metadata, tensors }: GgufHeader, ropeScaling: RopeScaling | undefined): GgufConfig {
  refuseParts(metadata);
  const architecture = architectureOf(metadata);
  const key = (name: string): string => `${architecture}.${name}`;
  const hiddenSize = metadata.size(key("embedding_length"), Limits.hiddenSize);
  const layers = metadata.size(key("block_count"), Limits.layers);
  const vocabSize = tensors.get(EMBEDDING)?.shape[0] ?? metadata.size(key("vocab_size"), Limits.vocabSize);
  if (vocabSize > Limits.vocabSize) throw metadata.error(EMBEDDING, `has ${vocabSize} rows`, Limits.vocabSize);
  if (metadata.size(key("expert_count"), Limits.experts, 0, 0) > 0)
    throw metadata.error(key("expert_count"), "mixtures of experts are not read from GGUF files");
  const scaling = scalingOf(metadata, key) ?? ropeScaling;
  const config: ModelConfig = {
    architecture,
    vocabSize,
    hiddenSize,
    layers,
    contextLength: contextOf(metadata, key),
    rmsEps: metadata.positive(key("attention.layer_norm_rms_epsilon"), Limits.epsilon),
    ropeTheta: ropeTheta(metadata),
    ...(scaling && { ropeScaling: scaling }),
    ...scalesOf(metadata, key, architecture, hiddenSize, layers),
    tied: !tensors.has(HEAD),
    attention: attentionOf(metadata, key, architecture, hiddenSize, tensors.has(FIRST_BIAS)),
    ffn: { kind: "dense", size: metadata.size(key("feed_forward_length"), Limits.ffnSize), gated: true },
    ...stopTokens(metadata, vocabSize),
  };
  return { config, interleaved: ARCHITECTURES[architecture] };
}

/** RoPE's base. */
export function ropeTheta(metadata: Metadata): number {
  return metadata.positive(`${architectureOf(metadata)}.rope.freq_base`, Limits.ropeTheta, DEFAULT_ROPE_THETA);
}

function architectureOf(metadata: Metadata): GgufArchitecture {
  const name = metadata.text("general.architecture");
  const supported = `supported are ${Object.keys(ARCHITECTURES).join(", ")}`;
  if (name === undefined) throw metadata.error("general.architecture", `is missing; ${supported}`);
  if (Object.hasOwn(ARCHITECTURES, name)) return name as GgufArchitecture;
  throw metadata.error("general.architecture", `${JSON.stringify(name.slice(0, 60))} is not supported; ${supported}`);
}

function refuseParts(metadata: Metadata): void {
  const parts = metadata.size("split.count", 65_535, 1, 0);
  if (parts > 1)
    throw metadata.error("split.count", `is one of ${parts} parts: join them first (llama-gguf-split --merge FIRST-PART model.gguf)`);
}

/** Beyond a sliding window nothing is computed otherwise, so the context ends there. */
function contextOf(metadata: Metadata, key: (name: string) => string): number {
  const context = metadata.size(key("context_length"), Limits.contextLength, DEFAULT_CONTEXT);
  const window = metadata.size(key("attention.sliding_window"), 2 ** 32 - 1, 0, 0);
  return window > 0 ? Math.min(context, window) : context;
}

function attentionOf(
  metadata: Metadata,
  key: (name: string) => string,
  architecture: GgufArchitecture,
  hiddenSize: number,
  biased: boolean,
): ModelConfig["attention"] {
  const heads = metadata.size(key("attention.head_count"), Limits.heads);
  const kvHeads = metadata.size(key("attention.head_count_kv"), Limits.heads, heads);
  if (heads % kvHeads !== 0) throw metadata.error(key("attention.head_count_kv"), `${kvHeads} do not divide ${heads} heads`);
  const split = hiddenSize / heads;
  const headDim = metadata.size(key("attention.key_length"), Limits.headDim, split);
  for (const name of ["attention.value_length", "rope.dimension_count"]) {
    const other = metadata.size(key(name), Limits.headDim, headDim);
    if (other !== headDim) throw metadata.error(key(name), `${other} is not supported beside heads of ${headDim}`);
  }
  return {
    kind: "gqa",
    heads,
    kvHeads,
    headDim,
    ...((architecture === "qwen2" || biased) && { qkvBias: true }),
    ...(architecture === "qwen3" && { qkNorm: true }),
  };
}

/** MiniCPM's scales. A file's logit_scale divides; llama.cpp's own default for files without the keys multiplies by mistake. */
function scalesOf(metadata: Metadata, key: (name: string) => string, architecture: GgufArchitecture, hiddenSize: number, layers: number) {
  const own = architecture === "minicpm";
  const scale = (name: string, otherwise: number): number => metadata.positive(key(name), Limits.scale, otherwise);
  return {
    embedScale: scale("embedding_scale", own ? MINICPM.embedding : 1),
    residualScale: scale("residual_scale", own ? MINICPM.depth / Math.sqrt(layers) : 1),
    logitScale: 1 / scale("logit_scale", own ? hiddenSize / MINICPM.base : 1),
  };
}

/** Scaling that metadata name. */
function scalingOf(metadata: Metadata, key: (name: string) => string): RopeScaling | undefined {
  const type = metadata.text(key("rope.scaling.type"));
  const legacy = key("rope.scale_linear");
  if (type === undefined && metadata.has(legacy)) return linear(metadata.positive(legacy, Limits.scale));
  if (type === undefined || type === "none") return undefined;
  if (type === "linear") return linear(metadata.positive(key("rope.scaling.factor"), Limits.scale, 1));
  throw metadata.error(key("rope.scaling.type"), `${JSON.stringify(type.slice(0, 60))} is not supported; supported are none and linear`);
}

function linear(factor: number): RopeScaling | undefined {
  return factor === 1 ? undefined : { kind: "linear", factor };
}

/** Wavelengths of Llama 3.1 and later; the files have only what follows from them. */
const LLAMA3 = { low: 1, high: 4 } as const;
const ORIGINALS = Array.from({ length: 17 }, (_, i) => 2 ** (4 + i));

/**
 * The scaling that a tensor of RoPE's factors stands for (`rope_freqs.weight`, what each frequency is divided by).
 * @throws ConfigError for factors that are not Llama 3's
 */
export function scalingOfFactors(factors: Float32Array, theta: number, file: string, field: string): RopeScaling | undefined {
  const factor = factors.reduce((most, one) => Math.max(most, one), 1);
  if (factors.every((one) => one === 1)) return undefined;
  for (const original of [8192, ...ORIGINALS]) {
    const expected = factors.map((_, i) => {
      const turns = (original * theta ** (-i / factors.length)) / (2 * Math.PI);
      const kept = Math.min(Math.max((turns - LLAMA3.low) / (LLAMA3.high - LLAMA3.low), 0), 1);
      return 1 / ((1 - kept) / factor + kept);
    });
    if (expected.every((one, i) => Math.abs(one - factors[i]!) <= 1e-5 * one)) return { kind: "llama3", factor, ...LLAMA3, original };
  }
  throw new ConfigError("holds factors that are not those of Llama 3 (rope_type llama3 with frequency factors 1 and 4)", { file, field });
}
