// Synthetic weights: seeded, normally distributed, quantised in blocks of 32. A tensor's values depend on the seed and
// its name alone, so that a GGUF file and an ONNX file of one shape hold the same model.

/** Weights that share one scale. */
export const BLOCK = 32;
const CHUNK_BLOCKS = 8192;

/** How many quantisation steps a standard deviation spans: 8 bits reach 4 sigma, 4 bits 2.8 sigma. */
const STEPS_PER_SIGMA = { 8: 32, 4: 2.5 };
const LIMITS = { 8: [-127, 127], 4: [-8, 7] };

/** sfc32: a small, fast generator with a period of at least 2^32; `next()` gives 32 random bits (unsigned). */
export function random(seed, name) {
  let hash = 2166136261 ^ seed;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 16777619);
  let a = hash | 0,
    b = seed | 0,
    c = 0x9e3779b9 | 0,
    counter = 1;
  const next = () => {
    const t = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 16; i++) next();
  return next;
}

/** Nearest IEEE half of a finite |x| < 65504, as 16 bits; below the normal range it becomes zero. */
export function toHalf(x) {
  HALF_F32[0] = x;
  const bits = HALF_U32[0];
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude < 0x38800000) return sign;
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1); // to nearest, ties to even
  return sign | ((rounded - 0x38000000) >>> 13);
}
const HALF_F32 = new Float32Array(1);
const HALF_U32 = new Uint32Array(HALF_F32.buffer);

/** The number that the half `bits` (zero or normal) stands for. */
export function fromHalf(bits) {
  const exponent = (bits >>> 10) & 31;
  if (exponent === 0) return 0;
  return (bits & 0x8000 ? -1 : 1) * 2 ** (exponent - 15) * (1 + (bits & 0x3ff) / 1024);
}

/** 65536 draws from a normal distribution, in quantisation steps: 16 random bits pick one. */
function normalTable(bits) {
  const draws = new Float64Array(65536);
  const next = random(1, "normal table");
  for (let k = 0; k < draws.length; k += 2) {
    // Box and Muller
    const radius = Math.sqrt(-2 * Math.log((next() + 1) / 4294967297));
    const angle = (2 * Math.PI * next()) / 4294967296;
    draws[k] = radius * Math.cos(angle);
    draws[k + 1] = radius * Math.sin(angle);
  }
  const [low, high] = LIMITS[bits];
  return Int8Array.from(draws, (z) => Math.min(high, Math.max(low, Math.round(z * STEPS_PER_SIGMA[bits]))));
}
const tables = new Map();

/**
 * The quantised values of a matrix, a chunk at a time: `scales` (as halves, one a block) and `quants` (32 a block),
 * weight = scale * quant. The arrays are reused from chunk to chunk.
 */
export function* quantised(tensor, bits, seed) {
  if (!tables.has(bits)) tables.set(bits, normalTable(bits));
  const table = tables.get(bits);
  const next = random(seed, tensor.name);
  const base = tensor.sigma / STEPS_PER_SIGMA[bits];
  let left = (tensor.rows * tensor.cols) / BLOCK;
  const allScales = new Uint16Array(CHUNK_BLOCKS);
  const allQuants = new Int8Array(CHUNK_BLOCKS * BLOCK);
  while (left > 0) {
    const blocks = Math.min(left, CHUNK_BLOCKS);
    for (let i = 0; i < blocks; i++) allScales[i] = toHalf(base * (0.75 + next() / 8589934592));
    for (let i = 0; i < blocks * BLOCK; i += 2) {
      const draw = next();
      allQuants[i] = table[draw & 0xffff];
      allQuants[i + 1] = table[draw >>> 16];
    }
    yield { blocks, scales: allScales.subarray(0, blocks), quants: allQuants.subarray(0, blocks * BLOCK) };
    left -= blocks;
  }
}

/** The values of a norm's weight, around 1. */
export function normWeights(tensor, seed) {
  const next = random(seed, tensor.name);
  return Float32Array.from({ length: tensor.cols }, () => 1 + tensor.sigma * (next() / 2147483648 - 1));
}

/** A whole matrix, [rows, cols] in f32: the dequantised values. */
export function dequantised(tensor, bits, seed) {
  const out = new Float32Array(tensor.rows * tensor.cols);
  let at = 0;
  for (const { blocks, scales, quants } of quantised(tensor, bits, seed)) {
    for (let b = 0; b < blocks; b++) {
      const scale = fromHalf(scales[b]);
      for (let j = 0; j < BLOCK; j++) out[at++] = scale * quants[b * BLOCK + j];
    }
  }
  return out;
}

/** Passes a matrix's 8-bit values, dequantised and rounded to halves, to `write` a chunk at a time. */
export function halves(tensor, seed, write) {
  for (const { scales, quants } of quantised(tensor, 8, seed)) {
    const out = new Uint16Array(quants.length);
    for (let b = 0, at = 0; b < scales.length; b++) {
      const scale = fromHalf(scales[b]);
      for (const end = at + BLOCK; at < end; at++) out[at] = toHalf(scale * quants[at]);
    }
    write(out);
  }
}
