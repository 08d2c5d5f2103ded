/** The engine's exports; kernels are described in assembly/kernels/scalar/, the rest in assembly/model/. */
export interface EngineExports {
  /** An i32: `>>> 0` makes it an address. */
  heapBase(): number;
  layoutVersion(): number;
  selfCheck(): number;
  setReadAhead(on: number): void;
  /** Address of what the threads share; assembly/team.ts and model/job.ts have the rest. */
  team(): number;
  worker(index: number): void;
  stop(): void;
  fail(): void;
  forward(model: number, n: number, logitRows: number, logits: number): void;
  eagleForward(eagle: number, n: number, logitRows: number, logits: number): void;
  logSoftmaxTopK(x: number, count: number, k: number, temporary: number, indices: number, values: number): number;
  gatherRows(matrix: number, ids: number, count: number, out: number, type: number): void;
  ffnBranch(model: number, n: number, layer: number): void;
  compact(model: number, sequence: number, base: number, path: number, count: number): void;
  ropeFrequencies(theta: number, dim: number, factor: number, low: number, high: number, original: number, out: number): void;
  matrixBytes(type: number, rows: number, cols: number): number;
  finiteFloats(p: number, count: number): number;
  finiteScales(p: number, panels: number, panelBytes: number, groups: number, groupBytes: number): number;
  /** An i32: `>>> 0` makes it the checksum. */
  checksum(p: number, bytes: number): number;
  /** Lanes: i32 [4]. */
  checksumStripes(lanes: number, p: number, stripes: number): void;
  argmax(x: number, count: number): number;
  topK(x: number, count: number, k: number, indices: number, values: number): number;
  softmax(x: number, count: number): void;
  exp(x: number): number;
  /** Products: the address of what `writeProduct` wrote. */
  matmulF32(product: number): void;
  matmulBF16(product: number): void;
  matmulQ8(product: number): void;
  matmulQ4(product: number): void;
  quantizeQ8(
    x: number,
    xStride: number,
    n: number,
    cols: number,
    q: number,
    qStride: number,
    scales: number,
    sums: number,
    sumsStride: number,
  ): void;
  quantizeQ4(
    x: number,
    xStride: number,
    n: number,
    cols: number,
    q: number,
    qStride: number,
    scales: number,
    sums: number,
    sumsStride: number,
  ): void;
  rmsNorm(x: number, weight: number, cols: number, eps: number, out: number): void;
  siluScale(h: number, cols: number, s: number): void;
  siluMul(gate: number, up: number, cols: number): void;
  addScaled(x: number, b: number, cols: number, s: number): void;
  scale(x: number, cols: number, s: number, out: number): void;
  attentionScores(q: number, keys: number, stride: number, count: number, dim: number, scale: number, scores: number): void;
  attentionScores2(
    q: number,
    qStride: number,
    keys: number,
    stride: number,
    count: number,
    dim: number,
    scale: number,
    scores: number,
    scoresStride: number,
  ): void;
  attentionMix2(
    weights: number,
    weightsStride: number,
    values: number,
    stride: number,
    count: number,
    dim: number,
    out: number,
    outStride: number,
  ): void;
  attentionMix(weights: number, values: number, stride: number, count: number, dim: number, out: number): void;
  rope(x: number, cos: number, sin: number, half: number): void;
}
