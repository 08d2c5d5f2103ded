/** The nearest bfloat16 to a finite x, ties to even. */
export function toBF16(x: f32): u16 {
  const bits = reinterpret<u32>(x);
  return <u16>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/** The bfloat16 at `p` as f32. */
// @ts-ignore: decorator
@inline
export function bf16(p: usize): f32 {
  return reinterpret<f32>((<u32>load<u16>(p)) << 16);
}
