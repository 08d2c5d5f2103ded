// The synthetic weights in the layouts of ONNX Runtime's matrix products. Same values as in the GGUF file.
import { MICROSOFT, TYPE } from "./onnx-model.mjs";
import { BLOCK, dequantised, fromHalf, halves, quantised } from "./weights.mjs";

/** MatMulNBits: unsigned weights with their zero in the middle, two 4-bit weights a byte, low half first. */
function packNBits({ quants }, bits) {
  if (bits === 8) return Uint8Array.from(quants, (q) => q + 128);
  const out = new Uint8Array(quants.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = (quants[2 * i] + 8) | ((quants[2 * i + 1] + 8) << 4);
  return out;
}

/**
 * y = x W^T by MatMulNBits. `tensors` are stacked along the outputs (query, key and value make one product).
 * `accuracyLevel` 4 lets the kernel quantise x to 8 bits.
 */
function matMulNBits(model, tensors, bits, seed, x, accuracyLevel) {
  const name = tensors.map((t) => t.name).join("+");
  const N = tensors.reduce((sum, t) => sum + t.rows, 0);
  const K = tensors[0].cols;
  const each = (visit) =>
    tensors.forEach((t) => {
      for (const chunk of quantised(t, bits, seed)) visit(chunk);
    });
  const quants = model.external(`${name}.quants`, TYPE.u8, [N, K / BLOCK, (BLOCK * bits) / 8], (sink) =>
    each((chunk) => sink.write(packNBits(chunk, bits))),
  );
  const scales = model.external(`${name}.scales`, TYPE.f32, [(N * K) / BLOCK], (sink) =>
    each((chunk) => sink.write(Float32Array.from(chunk.scales, fromHalf))),
  );
  return model.node(
    "MatMulNBits",
    [x, quants, scales],
    [`${name}.y`],
    { K, N, bits, block_size: BLOCK, accuracy_level: accuracyLevel },
    MICROSOFT,
  );
}

/** A matrix requantised with one scale an output and transposed to [inputs, outputs], as DynamicQuantizeMatMul has it. */
function perOutput(tensors, seed) {
  const N = tensors.reduce((sum, t) => sum + t.rows, 0);
  const K = tensors[0].cols;
  const quants = new Int8Array(K * N);
  const scales = new Float32Array(N);
  let n = 0;
  for (const tensor of tensors) {
    const weights = dequantised(tensor, 8, seed);
    for (let row = 0; row < tensor.rows; row++, n++) {
      let largest = 0;
      for (let k = 0; k < K; k++) largest = Math.max(largest, Math.abs(weights[row * K + k]));
      scales[n] = largest / 127;
      for (let k = 0; k < K; k++) quants[k * N + n] = Math.round(weights[row * K + k] / scales[n]);
    }
  }
  return { N, K, quants, scales };
}

/** y = x W^T by DynamicQuantizeMatMul (x becomes 8 bits with one scale): what "dynamic quantisation" exports hold. */
function dynamicQuantize(model, tensors, seed, x) {
  const name = tensors.map((t) => t.name).join("+");
  const { N, K, quants, scales } = perOutput(tensors, seed);
  const b = model.external(`${name}.quants`, TYPE.i8, [K, N], (sink) => sink.write(quants));
  const s = model.external(`${name}.scales`, TYPE.f32, [N], (sink) => sink.write(scales));
  return model.node("DynamicQuantizeMatMul", [x, b, s], [`${name}.y`], {}, MICROSOFT);
}

/** y = x W^T for stacked `tensors` in the flavour "nbits", "nbits-a8" or "dynamic" (8 bits only); returns y's name. */
export function product(model, tensors, { flavour, bits, seed }, x) {
  if (flavour === "dynamic" && bits === 8) return dynamicQuantize(model, tensors, seed, x);
  return matMulNBits(model, tensors, bits, seed, x, flavour === "nbits" ? 0 : 4);
}

/** The rows of `tensor` that `ids` name, in f32; the table is held as halves. */
export function embedding(model, tensor, seed, ids) {
  const table = model.external(`${tensor.name}.f16`, TYPE.f16, [tensor.rows, tensor.cols], (sink) =>
    halves(tensor, seed, (chunk) => sink.write(chunk)),
  );
  const rows = model.node("Gather", [table, ids], ["embedding.f16"]);
  return model.node("Cast", [rows], ["embedding"], { to: TYPE.f32 });
}
