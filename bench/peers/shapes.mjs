// The dense Llama shapes that every engine is measured at, and the prompt that all of them read.
import { llamaShape, planWeights } from "../dist/peer-parts.js";

/**
 * @typedef {object} Shape
 * @property {number} hidden      width of the residual stream
 * @property {number} layers
 * @property {number} heads       query heads; head dimension = hidden / heads
 * @property {number} kvHeads     key and value heads (grouped-query attention)
 * @property {number} ffn         width of the SwiGLU feed-forward network
 * @property {number} vocab
 * @property {boolean} tied       the output head is the embedding
 * @property {number} ropeBase
 * @property {number} eps         of RMSNorm
 */

/** @type {Record<string, Shape>} */
export const SHAPES = {
  tiny: { hidden: 128, layers: 2, heads: 4, kvHeads: 2, ffn: 384, vocab: 512, tied: true, ropeBase: 10000, eps: 1e-5 },
  "135M": { hidden: 576, layers: 30, heads: 9, kvHeads: 3, ffn: 1536, vocab: 49152, tied: true, ropeBase: 10000, eps: 1e-5 },
  // As many weights as blockffn-nano, and as BlockFFN-Medium with 32000 tokens: what a sparse model is held against.
  "9M": { hidden: 256, layers: 8, heads: 8, kvHeads: 4, ffn: 1024, vocab: 4096, tied: true, ropeBase: 10000, eps: 1e-5 },
  "0.5B-total": { hidden: 1280, layers: 27, heads: 10, kvHeads: 10, ffn: 3072, vocab: 32000, tied: false, ropeBase: 10000, eps: 1e-5 },
  "0.5B": { hidden: 1280, layers: 27, heads: 10, kvHeads: 10, ffn: 3456, vocab: 32000, tied: false, ropeBase: 10000, eps: 1e-5 },
};

/**
 * Weight types. `linear` is the bits of the matrices inside the layers, `embedding` those of the embedding and the
 * output head; weights come in blocks of 32 with one scale. `q4` keeps the embedding and the head at 8 bits, as
 * blockffn's packed q4 does; `q4_0` has 4 bits everywhere.
 */
export const TYPES = {
  q8: { linear: 8, embedding: 8 },
  q4: { linear: 4, embedding: 8 },
  q4_0: { linear: 4, embedding: 4 },
  f16: { linear: 16, embedding: 16 },
};

/** The shape called `name`; throws with the known names. */
export function shapeNamed(name) {
  const shape = SHAPES[name];
  if (!shape) throw new Error(`unknown shape "${name}"; one of ${Object.keys(SHAPES).join(", ")}`);
  return shape;
}

/** The weight type called `name`; throws with the known names. */
export function typeNamed(name) {
  const type = TYPES[name];
  if (!type) throw new Error(`unknown weight type "${name}"; one of ${Object.keys(TYPES).join(", ")}`);
  return type;
}

/** First token id that is an ordinary word in the generated vocabularies (before it: special tokens and bytes). */
export const FIRST_WORD = 259;

/** `count` prompt ids, the same for every engine: ordinary words, well spread, no two neighbours equal. */
export function promptIds(count, vocab) {
  const words = vocab - FIRST_WORD;
  return Array.from({ length: count }, (_, i) => FIRST_WORD + ((i * 7919 + 13) % words));
}

/** GGUF names of the parts of core/tensors.ts that a dense Llama model has. */
const GGUF_NAMES = {
  embed: "token_embd",
  attn_norm: "attn_norm",
  "attn.q": "attn_q",
  "attn.k": "attn_k",
  "attn.v": "attn_v",
  "attn.o": "attn_output",
  ffn_norm: "ffn_norm",
  "ffn.gate": "ffn_gate",
  "ffn.up": "ffn_up",
  "ffn.down": "ffn_down",
  final_norm: "output_norm",
  head: "output",
};
/** Matrices that write to the residual stream. */
const BRANCHES = ["attn.o", "ffn.down"];
const ENDS = ["embed", "head"];

/**
 * The model's tensors in file order, by their GGUF names: those of blockffn's own weight plan. A matrix is [rows, cols] =
 * [outputs, inputs], row-major; `sigma` keeps activations near unit size (the branches that write to the residual stream shrink with
 * depth).
 */
export function llamaTensors(shape) {
  const branch = 1 / Math.sqrt(2 * shape.layers);
  return planWeights(llamaShape(shape), "f32").parts.map(({ layer, vector, tensors: [{ part, rows, cols }] }) => {
    const name = `${layer < 0 ? "" : `blk.${layer}.`}${GGUF_NAMES[part]}.weight`;
    if (vector) return { name, rows: 1, cols: rows, role: "norm", sigma: 0.1 };
    return {
      name,
      rows,
      cols,
      role: ENDS.includes(part) ? "embedding" : "linear",
      sigma: (BRANCHES.includes(part) ? branch : 1) / Math.sqrt(cols),
    };
  });
}
