/** scores[i] = scale * q . keys[i] for `count` keys of `dim` floats, `stride` bytes apart. */
export function attentionScores(q: usize, keys: usize, stride: usize, count: i32, dim: i32, scale: f32, scores: usize): void {
  for (let i = 0; i < count; i++) {
    let sum: f32 = 0;
    for (let d = 0; d < dim; d++) sum += load<f32>(q + (d << 2)) * load<f32>(keys + (d << 2));
    store<f32>(scores + (i << 2), sum * scale);
    keys += stride;
  }
}

/** out += sum_i weights[i] * values[i], i ascending, for `count` values of `dim` floats, `stride` bytes apart. */
export function attentionMix(weights: usize, values: usize, stride: usize, count: i32, dim: i32, out: usize): void {
  for (let d = 0; d < dim; d++) {
    let sum = load<f32>(out + (d << 2));
    for (let i = 0; i < count; i++) sum += load<f32>(weights + (i << 2)) * load<f32>(values + <usize>i * stride + (d << 2));
    store<f32>(out + (d << 2), sum);
  }
}

/** `attentionScores` of two queries, `qStride` bytes apart, over the same keys; their scores lie `scoresStride` bytes apart. */
export function attentionScores2(
  q: usize,
  qStride: usize,
  keys: usize,
  stride: usize,
  count: i32,
  dim: i32,
  scale: f32,
  scores: usize,
  scoresStride: usize,
): void {
  attentionScores(q, keys, stride, count, dim, scale, scores);
  attentionScores(q + qStride, keys, stride, count, dim, scale, scores + scoresStride);
}

/** `attentionMix` of the same values with two rows of weights, into two outputs. */
export function attentionMix2(
  weights: usize,
  weightsStride: usize,
  values: usize,
  stride: usize,
  count: i32,
  dim: i32,
  out: usize,
  outStride: usize,
): void {
  attentionMix(weights, values, stride, count, dim, out);
  attentionMix(weights + weightsStride, values, stride, count, dim, out + outStride);
}

/** Rotates one vector of 2 x `half` floats in place: pairs are (d, d + half) (RoFormer, arXiv 2104.09864, half-split as in Llama). */
export function rope(x: usize, cos: usize, sin: usize, half: i32): void {
  for (let d = 0; d < half; d++) {
    const a = load<f32>(x + (d << 2));
    const b = load<f32>(x + ((d + half) << 2));
    const c = load<f32>(cos + (d << 2));
    const s = load<f32>(sin + (d << 2));
    store<f32>(x + (d << 2), a * c - b * s);
    store<f32>(x + ((d + half) << 2), b * c + a * s);
  }
}
