/** Element types that tensors of a checkpoint may have: those of safetensors 0.8. Weights are read from F32, F16 and BF16. */
export type DType =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "I64"
  | "I32"
  | "I16"
  | "I8"
  | "U64"
  | "U32"
  | "U16"
  | "U8"
  | "BOOL"
  | "C64"
  | "F8_E5M2"
  | "F8_E4M3"
  | "F8_E8M0"
  | "F8_E4M3FNUZ"
  | "F8_E5M2FNUZ"
  | "F6_E2M3"
  | "F6_E3M2"
  | "F4";

/** Types of GGUF files that keep elements in blocks. */
export type BlockType = "Q4_0" | "Q4_1" | "Q5_0" | "Q5_1" | "Q8_0" | "Q4_K" | "Q5_K" | "Q6_K";

export interface TensorInfo<Type extends DType | BlockType = DType | BlockType> {
  readonly dtype: Type;
  readonly shape: readonly number[];
}

/** Named tensors of a checkpoint, whatever file format they come from. Row-major. */
export interface TensorSource {
  /** Name for error messages. */
  readonly name: string;
  names(): readonly string[];
  /** undefined when there is no such tensor. */
  info(name: string): TensorInfo | undefined;
  /**
   * Reads `count` elements of an F32, F16, BF16 or block tensor from element `start` on (row-major) as float32.
   * @throws FormatError for another dtype, an unknown tensor or a range beyond its end.
   */
  readF32(name: string, start: number, count: number): Promise<Float32Array>;
  close(): Promise<void>;
}
