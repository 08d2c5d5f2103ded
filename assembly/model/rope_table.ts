// Rotary angles. The inverse frequencies and the angle are rounded to f32 as in the reference implementation; sine, cosine and
// power are AssemblyScript's own software routines (compiled into the engine), so every host gets the same bits.

/** Writes inverse frequencies theta^(-2i/dim) for i < dim / 2 as f32 (RoFormer, arXiv 2104.09864). */
export function ropeFrequencies(theta: f64, dim: i32, out: usize): void {
  for (let i = 0; i < dim >> 1; i++) store<f32>(out + (i << 2), <f32>(1.0 / NativeMath.pow(theta, <f64>(2 * i) / <f64>dim)));
}

/** Writes cos and sin rows [dim / 2] of one position. */
export function ropeAngles(position: i32, frequencies: usize, dim: i32, cos: usize, sin: usize): void {
  for (let i = 0; i < dim >> 1; i++) {
    const angle = <f64>(<f32>position * load<f32>(frequencies + (i << 2)));
    store<f32>(cos + (i << 2), <f32>NativeMath.cos(angle));
    store<f32>(sin + (i << 2), <f32>NativeMath.sin(angle));
  }
}
