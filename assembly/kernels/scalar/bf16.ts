/** The bfloat16 at `p` as f32. */
// @ts-ignore: decorator
@inline
export function bf16(p: usize): f32 {
  return reinterpret<f32>(<u32>load<u16>(p) << 16);
}
