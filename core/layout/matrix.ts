// Weights in memory and in packed files. Rows are stored in panels of 16 so that a SIMD lane is a row: no horizontal sums, and a
// row's order of accumulation never depends on how many tokens are multiplied at once. Columns of quantised panels go in blocks of
// 32, and those in quads: the four bytes of one row and quad lie together as columns 0, 2, 1, 3, which is what both a product of
// 16-bit pairs (low bytes: columns 0 and 1, high bytes: 2 and 3) and one of four bytes can take without a shuffle.

/** Version of the kernels' weight layouts, which packed files carry. */
export const LAYOUT_VERSION = 5;

export const PANEL_ROWS = 16;
export const BLOCK_COLS = 32;

/** f32: for each column 16 floats. */
export const WEIGHT_F32 = 0;
/**
 * 8 bits: for each group of up to 4 blocks 16 bf16 scales and 16 i16 sums, then for each quad 16 rows of 4 bytes:
 * kernels/scalar/matmul_q8.ts.
 */
export const WEIGHT_Q8 = 1;
/**
 * 4 bits: for each block 16 bf16 scales, then for each quad 8 times 4 bytes, each with nibbles of two rows: kernels/scalar/matmul_q4.ts.
 */
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

export const MATRIX_TYPE = 0;
export const MATRIX_ROWS = 4;
export const MATRIX_COLS = 8;
export const MATRIX_DATA = 12;
export const MATRIX_BYTES = 16;
