// The memory map shared by the engine and its host: every offset is written here and nowhere else.
// Plain constants, so that AssemblyScript and TypeScript read the same file. All fields are 4 bytes; pointers are byte addresses.

/** Version of the kernels' weight layouts, which packed files carry. */
export const LAYOUT_VERSION = 5;
/** Version of the descriptors below; host and engine must agree. */
export const DESCRIPTOR_VERSION = 5;

// ---- Matrices -------------------------------------------------------------------------------------------------------
// Rows are stored in panels of 16 so that a SIMD lane is a row: no horizontal sums, and a row's order of accumulation
// never depends on how many tokens are multiplied at once. Columns of quantised panels go in blocks of 32, and those in quads:
// the four bytes of one row and quad lie together as columns 0, 2, 1, 3, which is what both a product of 16-bit pairs (low bytes:
// columns 0 and 1, high bytes: 2 and 3) and one of four bytes can take without a shuffle.

export const PANEL_ROWS = 16;
/** Query heads over the same keys and values that attention computes together. */
export const HEADS_TOGETHER = 2;
export const BLOCK_COLS = 32;

/** f32: for each column 16 floats. */
export const WEIGHT_F32 = 0;
/** 8 bits: for each group of up to 4 blocks 16 bf16 scales and 16 i16 sums, then for each quad 16 rows of 4 bytes: kernels/scalar/matmul_q8.ts. */
export const WEIGHT_Q8 = 1;
/** 4 bits: for each block 16 bf16 scales, then for each quad 8 times 4 bytes, each with nibbles of two rows: kernels/scalar/matmul_q4.ts. */
export const WEIGHT_Q4 = 2;
/** bfloat16: for each column 16 of them. */
export const WEIGHT_BF16 = 3;

/** Bytes of the 16 scales at the start of a q4 block or a q8 group. */
export const SCALE_BYTES = 32;
/** Bytes of the scales of a q8 group and, after them, of the sums of its weights before scaling, an i16 a row. */
export const Q8_HEAD_BYTES = 64;
/** Blocks of a q8 group; the last group of a panel may have fewer. */
export const Q8_GROUP_BLOCKS = 4;
/** Bytes of a q8 block without scales and sums. */
export const Q8_BLOCK_BYTES = 512;
export const Q4_BLOCK_BYTES = 288;
/** Quantised activations lie in [-ACTIVATION_MAX, ACTIVATION_MAX]: 128 products with a byte fit in 32 bits. */
export const ACTIVATION_MAX = 16383;

/** A host may lay out memory from here on before it has an engine: the engine's own data (`heapBase`) end below. */
export const HOST_BASE = 32768;
/** Kernels may read, and ignore, this many bytes past a matrix: memory must exist there. */
export const READ_AHEAD = 1024;

export const MATRIX_TYPE = 0;
export const MATRIX_ROWS = 4;
export const MATRIX_COLS = 8;
export const MATRIX_DATA = 12;
export const MATRIX_BYTES = 16;

// ---- Products: what the matmul kernels are told (kernels/product.ts) --------------------------------------------------

/** Rows of f32, and the same quantised; strides are bytes. */
export const ACTIVATIONS_X = 0;
export const ACTIVATIONS_X_STRIDE = 4;
export const ACTIVATIONS_Q = 8;
export const ACTIVATIONS_Q_STRIDE = 12;
export const ACTIVATIONS_SCALES = 16;
export const ACTIVATIONS_SUMS = 20;
export const ACTIVATIONS_SUMS_STRIDE = 24;
export const ACTIVATIONS_BYTES = 28;

/** Weights in panels, rows and columns. */
export const PRODUCT_W = 0;
export const PRODUCT_ROWS = 4;
export const PRODUCT_COLS = 8;
/** Address of the ACTIVATIONS_*, indices (u32) of their rows, and how many. */
export const PRODUCT_INPUT = 12;
export const PRODUCT_XI = 16;
export const PRODUCT_N = 20;
/** Rows of results, bytes between them, and their indices (u32). */
export const PRODUCT_Y = 24;
export const PRODUCT_Y_STRIDE = 28;
export const PRODUCT_YI = 32;
/** Not 0: added to what is there. */
export const PRODUCT_ACCUMULATE = 36;
export const PRODUCT_BYTES = 40;

// ---- Model descriptor -----------------------------------------------------------------------------------------------

export const MODEL_VERSION = 0;
export const MODEL_VOCAB = 4;
export const MODEL_HIDDEN = 8;
export const MODEL_LAYERS = 12;
export const MODEL_RMS_EPS = 16;
export const MODEL_LORA_EPS = 20;
export const MODEL_EMBED_SCALE = 24;
export const MODEL_RESIDUAL_SCALE = 28;
export const MODEL_LOGIT_SCALE = 32;
export const MODEL_ATTENTION = 36;
export const MODEL_HEADS = 40;
/** GQA: key/value heads. MLA: 1, the compressed row. */
export const MODEL_KV_HEADS = 44;
/** Floats of one key in the cache (MLA: kvRank + ropeDim). */
export const MODEL_KEY_DIM = 48;
/** Floats of one value in the cache (MLA: kvRank, the head of the key row). */
export const MODEL_VALUE_DIM = 52;
export const MODEL_ROPE_DIM = 56;
export const MODEL_NOPE_DIM = 60;
export const MODEL_Q_RANK = 64;
export const MODEL_KV_RANK = 68;
/** Value floats a head gives to the output projection. */
export const MODEL_HEAD_OUT = 72;
/** Softmax scale, 1 / sqrt(dimension of a query). */
export const MODEL_SOFTMAX_SCALE = 76;
/** ACTIVATION_* of the experts. */
export const MODEL_EXPERT_ACTIVATION = 80;
/** Of the dense layers. */
export const MODEL_FFN_SIZE = 84;
export const MODEL_FFN_GATED = 88;
export const MODEL_ROUTER = 92;
export const MODEL_ROUTER_NORM = 96;
export const MODEL_NORM_SCALE = 100;
export const MODEL_EXPERTS = 104;
export const MODEL_EXPERT_SIZE = 108;
export const MODEL_EXPERT_TYPE = 112;
/** Bytes from one expert's weights to the next one's. */
export const MODEL_EXPERT_STRIDE = 116;
export const MODEL_TOP_K = 120;
export const MODEL_TOP_P = 124;
export const MODEL_SHARED_SIZE = 128;
export const MODEL_SHARED_GATED = 132;
/** 0 computes active experts only, 1 all of them. */
export const MODEL_FFN_DENSE = 136;
export const MODEL_EMBED = 140;
export const MODEL_HEAD = MODEL_EMBED + MATRIX_BYTES;
export const MODEL_FINAL_NORM = MODEL_HEAD + MATRIX_BYTES;
/** f32 [ropeDim / 2]: inverse frequencies, filled by `ropeFrequencies`. */
export const MODEL_INV_FREQ = MODEL_FINAL_NORM + 4;
/** First layer descriptor; they follow one another. */
export const MODEL_LAYER_TABLE = MODEL_INV_FREQ + 4;
export const MODEL_SCRATCH = MODEL_LAYER_TABLE + 4;
export const MODEL_MAX_CHUNK = MODEL_SCRATCH + 4;
/** 1: an expert has a gate, whose activation its way up is multiplied with. */
export const MODEL_EXPERT_GATED = MODEL_MAX_CHUNK + 4;
/** ACTIVATION_* between a block router and its norm. */
export const MODEL_ROUTER_ACTIVATION = MODEL_EXPERT_GATED + 4;
/** EXPERT_BIAS_*: how the bias in LAYER_EXPERT_BIAS takes experts away. */
export const MODEL_EXPERT_BIAS = MODEL_ROUTER_ACTIVATION + 4;
export const MODEL_BYTES = MODEL_EXPERT_BIAS + 4;

export const ATTENTION_GQA = 0;
export const ATTENTION_MLA = 1;
export const FFN_KIND_DENSE = 0;
export const FFN_KIND_EXPERTS = 1;
export const ROUTER_BLOCK = 0;
export const ROUTER_TOPK = 1;
export const ROUTER_TOPP = 2;
export const ROUTER_RELU = 3;
export const ROUTER_SPARSE_MIXER = 4;
export const ROUTER_NORM_NONE = 0;
export const ROUTER_NORM_RMS = 1;
export const ROUTER_NORM_SUM = 2;
/** DECO (arXiv 2605.10933): a learned multiply alone. */
export const ROUTER_NORM_SCALE = 3;
/** Mean taken off, divided by the standard deviation, and multiplied: every expert then has a score. */
export const ROUTER_NORM_STANDARD = 4;
export const ACTIVATION_SILU = 0;
export const ACTIVATION_RELU = 1;
export const ACTIVATION_RELU_SQUARED = 2;
export const ACTIVATION_GELU = 3;
export const ACTIVATION_SIGMOID = 4;
export const ACTIVATION_NONE = 5;
export const EXPERT_BIAS_NONE = 0;
/** An expert stays if its score with its bias is above 0 ... */
export const EXPERT_BIAS_PLAIN = 1;
/** ... or with its bias times the root mean square of the token's scores. */
export const EXPERT_BIAS_RMS = 2;

// ---- Layer descriptor -----------------------------------------------------------------------------------------------

/** 0: the attention reads the residual stream as it is. */
export const LAYER_ATTN_NORM = 0;
/** GQA: query projection. MLA: q_a, the way down. */
export const LAYER_Q = 4;
/** MLA: q_b, the way up from qRank to heads x (nope + rope). */
export const LAYER_Q_UP = LAYER_Q + MATRIX_BYTES;
/** MLA: f32 [qRank], between way down and way up. GQA: f32 [headDim], of every head's query before RoPE (Qwen3); 0: none. */
export const LAYER_Q_NORM = LAYER_Q_UP + MATRIX_BYTES;
/** GQA: key projection. MLA: kv_a (kvRank + rope rows). */
export const LAYER_K = LAYER_Q_NORM + 4;
/** GQA: value projection. */
export const LAYER_V = LAYER_K + MATRIX_BYTES;
/** MLA: f32 [kvRank]. GQA: f32 [headDim], of every head's key before RoPE; 0: none. */
export const LAYER_KV_NORM = LAYER_V + MATRIX_BYTES;
/** MLA, per head: [kvRank, nope], kv_b's key half transposed, absorbed into the query. */
export const LAYER_K_ABSORB = LAYER_KV_NORM + 4;
/** MLA, per head: [valueDim, kvRank], kv_b's value half. */
export const LAYER_V_ABSORB = LAYER_K_ABSORB + MATRIX_BYTES;
export const LAYER_O = LAYER_V_ABSORB + MATRIX_BYTES;
export const LAYER_FFN_NORM = LAYER_O + MATRIX_BYTES;
export const LAYER_ROUTER = LAYER_FFN_NORM + 4;
export const LAYER_ROUTER_NORM = LAYER_ROUTER + MATRIX_BYTES;
/** Expert weights: for each expert gate (if gated) and up [expertSize, hidden], then down [hidden, expertSize]. */
export const LAYER_EXPERTS = LAYER_ROUTER_NORM + 4;
/** Dense FFN, or the shared experts. */
export const LAYER_GATE = LAYER_EXPERTS + 4;
export const LAYER_UP = LAYER_GATE + MATRIX_BYTES;
export const LAYER_DOWN = LAYER_UP + MATRIX_BYTES;
/** FFN_KIND_* of this layer. */
export const LAYER_FFN = LAYER_DOWN + MATRIX_BYTES;
/** f32 [expertSize]: the norm inside every expert before its activation (NormSiLU); 0: none. */
export const LAYER_EXPERT_NORM = LAYER_FFN + 4;
/** f32 [experts]. */
export const LAYER_EXPERT_BIAS = LAYER_EXPERT_NORM + 4;
/** GQA: f32, added to queries, keys and values (Qwen2); 0: none. */
export const LAYER_Q_BIAS = LAYER_EXPERT_BIAS + 4;
export const LAYER_K_BIAS = LAYER_Q_BIAS + 4;
export const LAYER_V_BIAS = LAYER_K_BIAS + 4;
export const LAYER_BYTES = LAYER_V_BIAS + 4;

// ---- Rows: what a call computes. Those of one sequence follow each other, in the order of their places in its cache ----------------------

export const ROW_TOKEN = 0;
/** Address of the descriptor of the row's sequence. */
export const ROW_SEQUENCE = 4;
/** What RoPE turns by. */
export const ROW_POSITION = 8;
/** Where the row's keys and values go in the cache of its sequence. */
export const ROW_PLACE = 12;
/** The cache row at which the row's own tree begins: all before it are seen ... */
export const ROW_TREE = 16;
/** ... and, u64, cache row ROW_TREE + j when bit j is set. A row is the last that it sees. A row of a chain, however long, is a tree of its own: ROW_TREE = ROW_PLACE, bit 0. */
export const ROW_MASK = 24;
export const ROW_BYTES = 32;
/** Nodes of a tree: bits of a mask. */
export const TREE_NODES = 64;

// ---- Scratch: pointers to buffers for up to maxChunk rows; row strides in floats follow from the padded sizes ---------

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
/** Active experts that have tokens, u32 [experts + 1, 2]: expert, and where its tokens start in SCRATCH_PICKED; a last one ends the list. */
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
/** Optional: u32 [layers, n, words], the experts that the call's rows shall use whatever the router says; 0 = off. The router still runs. Table 0's counts. */
export const SCRATCH_ROUTING = 168;
/** Several threads: f32 [SCRATCH_EXPERT_ROWS_MAX, hidden], what an expert adds to a token, for pairs of expert and token. */
export const SCRATCH_EXPERT_ROWS = 172;
export const SCRATCH_EXPERT_ROWS_MAX = 176;
/** From one table of buffers to the next. Table 0 is the calling thread's. Thread i > 0 has table 2 i - 1 for calls of up to OWN_ROWS rows, in which
 * every thread computes what belongs to a row for itself, and table 2 i for larger ones, in which rows are shared out: pass.ts. */
export const SCRATCH_BYTES = 180;
/** Computing two rows' norms twice costs less than the barriers of sharing them out (bench/RESULTS.md, "What paid, and what did not"). */
export const OWN_ROWS = 2;

// ---- Taps: f32 buffers [layers, n, width] (embedding: [n, hidden]); 0 = off --------------------------------------------

export const TAP_EMBED = 0;
export const TAP_ATTN_OUT = 4;
export const TAP_MLP_OUT = 8;
export const TAP_HIDDEN = 12;
export const TAP_ROUTER_RAW = 16;
export const TAP_ROUTER_SCORE = 20;
/** The normed rows that a layer's FFN reads. */
export const TAP_FFN_INPUT = 24;
export const TAPS_BYTES = 28;

// ---- Sequence descriptor ----------------------------------------------------------------------------------------------

/** Keys f32 [layers, kvHeads, capacity, keyDim]. */
export const SEQ_KEYS = 0;
/** Values f32 [layers, kvHeads, capacity, valueDim]; unused for MLA. */
export const SEQ_VALUES = 4;
export const SEQ_CAPACITY = 8;
/** f32 [threads, HEADS_TOGETHER, capacity]: attention scores of the queries that each thread is at. */
export const SEQ_SCORES = 12;
export const SEQ_BYTES = 16;

// ---- EAGLE head: a model descriptor of its own (its layers, scratch, vocabulary; embedding and head are the base model's), then: ------

/** The left half of fc, for the embedding, and the right half, for the hidden state: [hidden, hidden] each. */
export const EAGLE_FC_EMBED = MODEL_BYTES;
export const EAGLE_FC_HIDDEN = EAGLE_FC_EMBED + MATRIX_BYTES;
/** f32 [hidden]: fc's bias, and the norms of fc's two inputs. */
export const EAGLE_FC_BIAS = EAGLE_FC_HIDDEN + MATRIX_BYTES;
export const EAGLE_EMBED_NORM = EAGLE_FC_BIAS + 4;
export const EAGLE_HIDDEN_NORM = EAGLE_EMBED_NORM + 4;
/** f32 [n, hidden padded]: the hidden state that comes with each token; the host writes it. */
export const EAGLE_HIDDEN = EAGLE_HIDDEN_NORM + 4;
export const EAGLE_BYTES = EAGLE_HIDDEN + 4;

// ---- Team: what the threads of one engine share, at `team()`; all words are i32 and start as 0. What many write lies on a cache line of its own. ----

/** Most threads of a team. */
export const MAX_THREADS = 32;
/** Counts jobs; workers sleep here between them. */
export const TEAM_JOBS = 0;
/** What to do (JOB_*), and its arguments. */
export const TEAM_JOB = 4;
export const TEAM_ARGUMENTS = 8;
/** Threads that share the next call, the caller included; the host writes it: 0 or 1 leaves it to the caller alone. */
export const TEAM_SIZE = 32;
/** Not 0: a thread failed, and every other one that meets it ends with a trap. */
export const TEAM_FAILED = 36;
/** Milliseconds that a thread waits for the others before it calls them lost; the host writes it. */
export const TEAM_PATIENCE = 40;
/** Not 0: kernels read ahead (kernels/simd/panel.ts). */
export const TEAM_READ_AHEAD = 44;
/** Barrier: threads that have arrived, and how often all had. */
export const TEAM_ARRIVED = 64;
export const TEAM_MEETINGS = 128;
/** First unit of the section that nobody has taken. */
export const TEAM_NEXT = 192;
/** Threads that sleep at the barrier, and between jobs. */
export const TEAM_SLEEPERS = 256;
export const TEAM_IDLE = 260;
/** Each thread's Pass (pass.ts). */
export const TEAM_PASSES = 320;
export const PASS_BYTES = 320;
/** Each thread's sums of a product (kernels/relaxed/sums.ts). */
export const TEAM_SUMS = TEAM_PASSES + MAX_THREADS * PASS_BYTES;
export const SUMS_BYTES = 128;
export const TEAM_BYTES = TEAM_SUMS + MAX_THREADS * SUMS_BYTES;

export const JOB_STOP = 0;
export const JOB_FORWARD = 1;
export const JOB_EAGLE = 2;
export const JOB_FFN = 3;
