import { BLOCKS, DTYPE_BYTES, isBlockType } from "../dtypes.ts";
import type { FloatDType } from "../floats.ts";
import type { BlockType } from "../tensors.ts";

/** Types that are read. */
export type GgufType = FloatDType | BlockType;

/** Codes of tensor types (ggml.h, enum ggml_type); those that are not read are here for the error message. */
const TYPES: Readonly<Record<number, string>> = {
  0: "F32",
  1: "F16",
  2: "Q4_0",
  3: "Q4_1",
  6: "Q5_0",
  7: "Q5_1",
  8: "Q8_0",
  9: "Q8_1",
  10: "Q2_K",
  11: "Q3_K",
  12: "Q4_K",
  13: "Q5_K",
  14: "Q6_K",
  15: "Q8_K",
  16: "IQ2_XXS",
  17: "IQ2_XS",
  18: "IQ3_XXS",
  19: "IQ1_S",
  20: "IQ4_NL",
  21: "IQ3_S",
  22: "IQ2_S",
  23: "IQ4_XS",
  24: "I8",
  25: "I16",
  26: "I32",
  27: "I64",
  28: "F64",
  29: "IQ1_M",
  30: "BF16",
  34: "TQ1_0",
  35: "TQ2_0",
  39: "MXFP4",
};

export const GGUF_TYPES: readonly GgufType[] = ["F32", "F16", "BF16", ...(Object.keys(BLOCKS) as BlockType[])];

/** The name of a type's code. */
export function typeName(code: number): string {
  return TYPES[code] ?? `type ${code}`;
}

export function isGgufType(name: string): name is GgufType {
  return (GGUF_TYPES as readonly string[]).includes(name);
}

/** Elements of a block, and its bytes; floats are blocks of one. */
export function blockOf(type: GgufType): { readonly elements: number; readonly bytes: number } {
  return isBlockType(type) ? BLOCKS[type] : { elements: 1, bytes: DTYPE_BYTES[type] };
}
