// Products: what the matmul kernels are told (kernels/product.ts).

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
