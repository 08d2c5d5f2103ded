/** Weight types of a packed model: every matrix f32; 8-bit blocks; 4-bit blocks with 8-bit embedding and head; 4-bit blocks there, too. */
export const QUANTIZATIONS = ["f32", "q8", "q4", "q4-all"] as const;
export type Quantization = (typeof QUANTIZATIONS)[number];
