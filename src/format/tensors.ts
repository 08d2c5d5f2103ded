/** Element types that tensors of a checkpoint may have. */
export type DType = "F64" | "F32" | "F16" | "BF16" | "I64" | "I32" | "I16" | "I8" | "U8" | "BOOL";

export interface TensorInfo {
  readonly dtype: DType;
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
   * Reads `count` elements of an F32, F16 or BF16 tensor from element `start` on (row-major) as float32.
   * @throws FormatError for another dtype, an unknown tensor or a range beyond its end.
   */
  readF32(name: string, start: number, count: number): Promise<Float32Array>;
  close(): Promise<void>;
}
