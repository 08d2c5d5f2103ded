// Rotary angles. The inverse frequencies and the angle are rounded to f32 as in the reference implementation; sine, cosine and
// power are AssemblyScript's own software routines (compiled into the engine), so every host gets the same bits.

/**
 * Writes inverse frequencies theta^(-2i/dim) for i < dim / 2 as f32 (RoFormer, arXiv 2104.09864), divided by `factor`: all of them
 * (position interpolation, arXiv 2306.15595), or, where `original` tokens of context were trained with, only those whose wavelength is
 * above original / low, none below original / high, and between the two a mean of both (Llama 3.1).
 */
export function ropeFrequencies(theta: f64, dim: i32, factor: f64, low: f64, high: f64, original: f64, out: usize): void {
  for (let i = 0; i < dim >> 1; i++) {
    const frequency = <f32>(1.0 / NativeMath.pow(theta, <f64>(2 * i) / <f64>dim));
    const turns = (original * <f64>frequency) / (2.0 * NativeMath.PI);
    const kept = original > 0 ? min(max((turns - low) / (high - low), 0.0), 1.0) : 0.0;
    store<f32>(out + (i << 2), <f32>((1.0 - kept) * (<f64>frequency / factor) + kept * <f64>frequency));
  }
}

/** Writes cos and sin rows [dim / 2] of one position. */
export function ropeAngles(position: i32, frequencies: usize, dim: i32, cos: usize, sin: usize): void {
  for (let i = 0; i < dim >> 1; i++) {
    const angle = <f64>(<f32>position * load<f32>(frequencies + (i << 2)));
    store<f32>(cos + (i << 2), <f32>NativeMath.cos(angle));
    store<f32>(sin + (i << 2), <f32>NativeMath.sin(angle));
  }
}
