import type { ModelConfig } from "../src/architecture/config.ts";

interface DenseShape {
  hidden: number;
  layers: number;
  heads: number;
  kvHeads: number;
  ffn: number;
  vocab: number;
  tied: boolean;
}

/** A dense Llama of a given shape. */
export function llamaShape(s: DenseShape): ModelConfig {
  return {
    architecture: "llama",
    vocabSize: s.vocab,
    hiddenSize: s.hidden,
    layers: s.layers,
    contextLength: 2048,
    rmsEps: 1e-5,
    ropeTheta: 10000,
    embedScale: 1,
    residualScale: 1,
    logitScale: 1,
    tied: s.tied,
    attention: { kind: "gqa", heads: s.heads, kvHeads: s.kvHeads, headDim: s.hidden / s.heads },
    ffn: { kind: "dense", size: s.ffn, gated: true },
    bosTokenId: 1,
    eosTokenIds: [2],
  };
}

interface BlockShape {
  hidden: number;
  layers: number;
  heads: number;
  experts: number;
  expertSize: number;
  vocab: number;
}

/** A BlockFFN model with MLA of a published shape (../shared/reference/paper.md). */
export function blockShape(s: BlockShape): ModelConfig {
  return {
    architecture: "minicpm",
    vocabSize: s.vocab,
    hiddenSize: s.hidden,
    layers: s.layers,
    contextLength: 4096,
    rmsEps: 1e-5,
    ropeTheta: 10000,
    embedScale: 12,
    residualScale: 1.4 / Math.sqrt(s.layers),
    logitScale: 256 / s.hidden,
    tied: false,
    attention: { kind: "mla", heads: s.heads, qRank: 768, kvRank: 256, nopeDim: 128, ropeDim: 64, valueDim: 128, loraEps: 1e-6 },
    ffn: {
      kind: "experts",
      router: "block",
      experts: s.experts,
      expertSize: s.expertSize,
      routerNorm: "rms",
      normScale: 1,
      topK: 0,
      topP: 0,
      sharedSize: 0,
      sharedGated: false,
    },
    bosTokenId: 1,
    eosTokenIds: [2],
  };
}

/**
 * A dense model of the same size: one feed-forward network as wide as all experts together, no router. What a sparse model must
 * beat, without the price of walking over experts.
 */
export function denseTwin(config: ModelConfig): ModelConfig {
  const { ffn } = config;
  if (ffn.kind === "dense") return config;
  return { ...config, ffn: { kind: "dense", size: ffn.experts * ffn.expertSize + ffn.sharedSize, gated: false } };
}

/** Shapes that are measured. The dense ones are those that the peers run too. */
export const SHAPES: Readonly<Record<string, ModelConfig>> = {
  "135M": llamaShape({ hidden: 576, layers: 30, heads: 9, kvHeads: 3, ffn: 1536, vocab: 49152, tied: true }),
  "0.5B": llamaShape({ hidden: 1280, layers: 27, heads: 10, kvHeads: 10, ffn: 3456, vocab: 32000, tied: false }),
  tiny: llamaShape({ hidden: 64, layers: 2, heads: 4, kvHeads: 2, ffn: 96, vocab: 512, tied: true }),
  Small: blockShape({ hidden: 768, layers: 16, heads: 6, experts: 48, expertSize: 64, vocab: 122753 }),
  Medium: blockShape({ hidden: 1280, layers: 27, heads: 10, experts: 40, expertSize: 128, vocab: 122753 }),
  Large: blockShape({ hidden: 1536, layers: 32, heads: 12, experts: 48, expertSize: 128, vocab: 122753 }),
  XLarge: blockShape({ hidden: 1792, layers: 35, heads: 14, experts: 56, expertSize: 128, vocab: 122753 }),
  // Medium with the vocabulary of the dense 0.5B shape, so that other runtimes can be given a model of equal size.
  "Medium-32k": blockShape({ hidden: 1280, layers: 27, heads: 10, experts: 40, expertSize: 128, vocab: 32000 }),
  nano: {
    ...blockShape({ hidden: 256, layers: 8, heads: 8, experts: 48, expertSize: 32, vocab: 4096 }),
    contextLength: 1024,
    logitScale: 1,
    tied: true,
    attention: { kind: "gqa", heads: 8, kvHeads: 4, headDim: 32 },
  },
  "2.8B": {
    ...blockShape({ hidden: 2048, layers: 36, heads: 16, experts: 128, expertSize: 128, vocab: 73448 }),
    attention: { kind: "gqa", heads: 16, kvHeads: 4, headDim: 128 },
    tied: true,
  },
};
