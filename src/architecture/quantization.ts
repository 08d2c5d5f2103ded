import { QUANTIZATION_NAMES } from "../../core/plan.ts";

/** Weight types of a packed model; core/plan.ts says what they are. */
export type Quantization = "f32" | "q8" | "q4" | "q4-all";
export const QUANTIZATIONS: readonly Quantization[] = QUANTIZATION_NAMES as Quantization[];
