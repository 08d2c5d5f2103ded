// Scratch: pointers to buffers for up to maxChunk rows; row strides in floats follow from the padded sizes.

/** The rows of the call: ROW_BYTES each. */
export const SCRATCH_ROWS = 0;
/** u32 per row of logits: the row of the call that they are of. */
export const SCRATCH_LOGIT_ROWS = 4;
/** u32 0, 1, 2, ...: the index list that selects every row. */
export const SCRATCH_IOTA = 8;
/** Residual stream f32 [n, hidden]. */
export const SCRATCH_X = 12;
/** Normed input of a branch f32 [n, hidden]. */
export const SCRATCH_NORMED = 16;
/** Output of a branch f32 [n, hidden]. */
export const SCRATCH_BRANCH = 20;
/** f32 [n, ropeDim / 2] each. */
export const SCRATCH_COS = 24;
export const SCRATCH_SIN = 28;
/** f32 [n, qRank]. */
export const SCRATCH_Q_LOW = 32;
/** f32 [n, heads x query dimension]. */
export const SCRATCH_Q = 36;
/** MLA: queries in the compressed space, f32 [n, heads, keyDim]; and attention output there, f32 [n, heads, kvRank]. */
export const SCRATCH_Q_LATENT = 40;
export const SCRATCH_O_LATENT = 44;
export const SCRATCH_K = 48;
export const SCRATCH_V = 52;
/** f32 [n, heads x headOut]. */
export const SCRATCH_ATTN = 56;
/** MLA: SCRATCH_Q_LOW after its norm. */
export const SCRATCH_Q_NORMED = 60;
/**
 * Active experts that have tokens, u32 [experts + 1, 2]: expert, and where its tokens start in SCRATCH_PICKED; a last one ends the list.
 */
export const SCRATCH_UNION = 64;
/** Router f32 [n, experts]: raw, and after activation and norm. */
export const SCRATCH_ROUTER_RAW = 68;
export const SCRATCH_ROUTER = 72;
/** u32 [n x experts]: the tokens of each expert of the union, one expert after the other. */
export const SCRATCH_PICKED = 76;
/** FFN hidden f32 [n, widest]: up, and gate; or experts' [pairs of expert and token, expertSize] of them. */
export const SCRATCH_UP = 80;
export const SCRATCH_GATE = 84;
/** Quantised activations: i16 [n, widest input], f32 scale [n], i32 block sums x -8 [n, blocks]. */
export const SCRATCH_QUANT = 88;
export const SCRATCH_QUANT_SCALE = 92;
export const SCRATCH_QUANT_SUMS = 96;
/** Rows of SCRATCH_QUANT in i16, of SCRATCH_QUANT_SUMS in i32. */
export const SCRATCH_QUANT_STRIDE = 100;
export const SCRATCH_SUMS_STRIDE = 104;
/** A second set for the FFN's hidden activations, so that the token's own quantised input survives the experts. */
export const SCRATCH_QUANT2 = 108;
export const SCRATCH_QUANT2_SCALE = 112;
export const SCRATCH_QUANT2_SUMS = 116;
export const SCRATCH_QUANT2_STRIDE = 120;
export const SCRATCH_SUMS2_STRIDE = 124;
/** Hidden states after the final norm f32 [n, hidden]. */
export const SCRATCH_FINAL = 128;
/** u32 [layers, n, words]: active experts. */
export const SCRATCH_ACTIVE = 132;
/** Optional: where the pass copies what it computed, for tests and tools; 0 = off. */
export const SCRATCH_TAPS = 136;
/** Quantised rows of SCRATCH_UP for pairs of expert and token; strides follow from expertSize. */
export const SCRATCH_PAIRS_QUANT = 140;
export const SCRATCH_PAIRS_SCALE = 144;
export const SCRATCH_PAIRS_SUMS = 148;
/** MLA: quantised rows of one head, [n, wider of nope and kvRank]. */
export const SCRATCH_HEAD_QUANT = 152;
export const SCRATCH_HEAD_SCALE = 156;
export const SCRATCH_HEAD_SUMS = 160;
/** GQA: SCRATCH_K with positions. */
export const SCRATCH_K_ROTATED = 164;
/**
 * Optional: u32 [layers, n, words], the experts that the call's rows shall use whatever the router says; 0 = off. The router still runs.
 * Table 0's counts.
 */
export const SCRATCH_ROUTING = 168;
/** Several threads: f32 [SCRATCH_EXPERT_ROWS_MAX, hidden], what an expert adds to a token, for pairs of expert and token. */
export const SCRATCH_EXPERT_ROWS = 172;
export const SCRATCH_EXPERT_ROWS_MAX = 176;
/**
 * From one table of buffers to the next. Table 0 is the calling thread's. Thread i > 0 has table 2 i - 1 for calls of up to OWN_ROWS rows,
 * in which
 * every thread computes what belongs to a row for itself, and table 2 i for larger ones, in which rows are shared out: pass.ts. */
export const SCRATCH_BYTES = 180;
/** Computing two rows' norms twice costs less than the barriers of sharing them out (bench/RESULTS.md, "What paid, and what did not"). */
export const OWN_ROWS = 2;

// ---- Taps: f32 buffers [layers, n, width] (embedding: [n, hidden]); 0 = off

export const TAP_EMBED = 0;
export const TAP_ATTN_OUT = 4;
export const TAP_MLP_OUT = 8;
export const TAP_HIDDEN = 12;
export const TAP_ROUTER_RAW = 16;
export const TAP_ROUTER_SCORE = 20;
/** The normed rows that a layer's FFN reads. */
export const TAP_FFN_INPUT = 24;
export const TAPS_BYTES = 28;
