import { describe, expect, it } from "vitest";
import { BLOCK_COLS, WEIGHT_BF16 as BF16, WEIGHT_F32 as F32, WEIGHT_Q4 as Q4, WEIGHT_Q8 as Q8 } from "../../core/layout/matrix.ts";
import { packPanel } from "../../src/format/packed/quantize.ts";
import { matrixBytes, paddedRows, panelBytes } from "../../core/panel.ts";
import { bits, KernelBench, normals, packMatrix } from "../helpers/kernel-bench.ts";
import { DETERMINISTIC, TIERS } from "../helpers/test-host.ts";

const SHAPES: readonly [rows: number, cols: number][] = [
  [16, 32],
  [1, 1],
  [5, 7],
  [17, 33],
  [40, 64],
  [12, 16],
  [48, 100],
  [64, 576],
  [33, 31],
  [20, 128],
  [16, 160],
  [7, 300],
];
const TOKENS = [1, 2, 3, 4, 7, 8, 13];
const TYPES: readonly [name: string, type: number][] = [
  ["f32", F32],
  ["bf16", BF16],
  ["q8", Q8],
  ["q4", Q4],
];

/** What a packed weight stands for, decoded here from the layout's description alone. */
function unpack(type: number, packed: Uint8Array, row: number, col: number, cols: number): number {
  const view = new DataView(packed.buffer);
  const panel = (row >> 4) * panelBytes(type, cols);
  const r = row & 15;
  if (type === F32) return view.getFloat32(panel + (col * 16 + r) * 4, true);
  const quadByte = (col & 1) * 2 + ((col >> 1) & 1);
  const bf16 = (at: number): number => new Float32Array(Uint32Array.of(view.getUint16(at, true) << 16).buffer)[0] as number;
  if (type === BF16) return bf16(panel + (col * 16 + r) * 2);
  if (type === Q8) {
    const group = panel + (col >> 7) * (64 + 4 * 512);
    return (view.getUint8(group + 64 + ((col & 127) >> 2) * 64 + r * 4 + quadByte) - 128) * bf16(group + 2 * r);
  }
  const block = panel + (col >> 5) * 288;
  const scale = bf16(block + 2 * r);
  const byte = view.getUint8(block + 32 + ((col & 31) >> 2) * 32 + (r >> 3) * 16 + (r & 3) * 4 + quadByte);
  const high = (r & 4) !== 0;
  return ((high ? byte >> 4 : byte & 15) - 8) * scale * (high ? 16 : 1);
}

interface Product {
  y: Float32Array;
  stride: number;
  /** The activations as the kernel saw them. */
  seen: (token: number, col: number) => number;
}

/** y[yi] (+)= W x[xi] through the engine, rows picked by index lists. */
function multiply(
  bench: KernelBench,
  type: number,
  packed: Uint8Array,
  rows: number,
  cols: number,
  x: Float32Array,
  n: number,
  accumulate: boolean,
): Product {
  const { run } = bench;
  const stride = paddedRows(rows);
  const w = bench.put(packed);
  const xs = bench.put(x);
  // Rows are read in reverse and written with a gap, so that a mixed-up index shows.
  const xi = bench.put(Uint32Array.from({ length: n }, (_, i) => n - 1 - i));
  const yi = bench.put(Uint32Array.from({ length: n }, (_, i) => i + 1));
  const y = bench.put(new Float32Array((n + 1) * stride).fill(accumulate ? 0.5 : NaN));
  let seen = (token: number, col: number): number => x[token * cols + col] as number;
  const product = { w, rows, cols, x: xs, xStride: cols * 4, xi, n, y, yStride: stride * 4, yi, accumulate };
  if (type === F32 || type === BF16) bench.multiply(type === F32 ? "matmulF32" : "matmulBF16", product);
  else {
    const blocks = Math.ceil(cols / BLOCK_COLS);
    const q = bench.space(n * blocks * BLOCK_COLS * 2);
    const scales = bench.space(n * 4);
    const sums = bench.space(n * blocks * 4);
    run[type === Q8 ? "quantizeQ8" : "quantizeQ4"](xs, cols * 4, n, cols, q, blocks * BLOCK_COLS * 2, scales, sums, blocks * 4);
    const q16 = new Int16Array(bench.engine.memory.buffer, q, n * blocks * BLOCK_COLS).slice();
    const scale = bench.floats(scales, n);
    const rows8 = bench.engine.bytes(q, n * blocks * 64).slice();
    if (bench.tier === "relaxed") seen = (token, col) => relaxedActivation(type, rows8.subarray(token * blocks * 64), col);
    else seen = (token, col) => (q16[token * blocks * BLOCK_COLS + col] as number) * (scale[token] as number);
    bench.multiply(type === Q8 ? "matmulQ8" : "matmulQ4", {
      ...product,
      q,
      qStride: blocks * BLOCK_COLS * 2,
      scales,
      sums,
      sumsStride: blocks * 4,
    });
  }
  return { y: bench.floats(y, (n + 1) * stride), stride, seen };
}

/** An activation as the relaxed tier stores it (assembly/kernels/relaxed/quantize.ts), decoded from that description alone. */
function relaxedActivation(type: number, row: Uint8Array, col: number): number {
  const view = new DataView(row.buffer, row.byteOffset);
  const quadByte = (col & 1) * 2 + ((col >> 1) & 1);
  if (type === Q4) {
    const block = (col >> 5) * 64;
    return view.getInt8(block + 8 + (col & 28) + quadByte) * view.getFloat32(block, true);
  }
  const group = (col >> 7) * 256;
  return view.getUint8(group + 8 + (col & 124) + quadByte) * view.getFloat32(group, true) + view.getFloat32(group + 4, true);
}

describe("matmul", () => {
  for (const [name, type] of TYPES) {
    it(`${name}: within its bound of the f64 product; any chunk size gives a row the same bits; scalar and simd agree to the bit`, async () => {
      const benches = await Promise.all(TIERS.map((tier) => KernelBench.create(tier)));
      for (const [rows, cols] of SHAPES) {
        const w = normals(rows * cols, rows * 131 + cols, 1 / Math.sqrt(cols));
        const packed = packMatrix(type, w, rows, cols);
        for (const n of TOKENS) {
          const x = normals(n * cols, n * 977 + cols);
          const [scalar, simd] = benches.map((bench) => checked(bench, type, packed, rows, cols, x, n)) as [Product, Product];
          expect(bits(simd.y.subarray(simd.stride))).toEqual(bits(scalar.y.subarray(scalar.stride)));
        }
      }
    });
  }
});

/** A product whose rows are within their bound, and the same bits when multiplied alone and, but for the last bits, when added to what is there. */
function checked(bench: KernelBench, type: number, packed: Uint8Array, rows: number, cols: number, x: Float32Array, n: number): Product {
  const product = multiply(bench, type, packed, rows, cols, x, n, false);
  const { y, stride, seen } = product;
  for (let i = 0; i < n; i++) {
    const from = n - 1 - i;
    const alone = multiply(bench, type, packed, rows, cols, x.slice(from * cols, (from + 1) * cols), 1, false);
    expect(bits(alone.y.subarray(stride, stride + rows))).toEqual(bits(y.subarray((i + 1) * stride, (i + 1) * stride + rows)));
    for (let r = 0; r < rows; r++) {
      const [exact, bound] = reference(type, packed, (c) => seen(from, c), r, cols);
      expect(
        Math.abs((y[(i + 1) * stride + r] as number) - exact),
        `row ${r} of ${rows}x${cols}, token ${i} of ${n}, ${bench.tier}`,
      ).toBeLessThanOrEqual(bound);
    }
  }
  const added = multiply(bench, type, packed, rows, cols, x, n, true);
  for (let r = 0; r < rows; r++) expect(added.y[stride + r]).toBeCloseTo(0.5 + (y[stride + r] as number), 5);
  return product;
}

/**
 * The product in f64 of the packed weights and the quantised activations, and the bound on f32 rounding: (additions + 4) * 2^-24
 * of the sum of magnitudes. f32 and bf16 add once per column, the others exactly inside a group (q8) or block (q4) and once for each. The
 * relaxed q8 form is a sum of two terms, min * sum(w) and step * sum(w u), each at most as large as max|x| * sum|w| a group.
 */
function reference(
  type: number,
  packed: Uint8Array,
  x: (col: number) => number,
  row: number,
  cols: number,
): [exact: number, bound: number] {
  let exact = 0;
  let magnitude = 0;
  for (let c = 0; c < cols; c++) {
    const product = unpack(type, packed, row, c, cols) * x(c);
    exact += product;
    magnitude += Math.abs(product);
  }
  const additions = type === F32 || type === BF16 ? cols : Math.ceil(cols / BLOCK_COLS);
  return [exact, (additions + 4) * 2 ** -24 * magnitude + 1e-30];
}

it("a gathered row gives the bits of the original", async () => {
  const [rows, cols] = [37, 300];
  const ids = [36, 0, 17, 5, 16, 15, 31, 8, 1, 22, 30, 3, 9, 11, 12, 13, 14, 2, 36];
  for (const tier of TIERS) {
    for (const type of [F32, Q8]) {
      const bench = await KernelBench.create(tier);
      const packed = packMatrix(type, normals(rows * cols, 3, 1), rows, cols);
      const matrix = bench.put(Uint32Array.of(type, rows, cols, bench.put(packed)));
      const bytes = matrixBytes(type, ids.length, cols);
      const out = bench.put(new Uint8Array(bytes));
      bench.run.gatherRows(matrix, bench.put(Uint32Array.from(ids)), ids.length, out, type);
      const gathered = bench.engine.bytes(out, bytes).slice();
      const x = normals(2 * cols, 5);
      const all = multiply(bench, type, packed, rows, cols, x, 2, false);
      const some = multiply(bench, type, gathered, ids.length, cols, x, 2, false);
      for (const t of [1, 2]) ids.forEach((id, i) => expect(some.y[t * some.stride + i]).toBe(all.y[t * all.stride + id]));
    }
  }
});

it("a row gathered from q8 into q4 is within the error of the plain scale max/-8", async () => {
  const [rows, cols] = [37, 300];
  const ids = [36, 0, 17, 5, 16, 15, 31, 8, 1, 22, 30, 3, 9, 11, 12, 13, 14, 2, 36];
  for (const tier of TIERS) {
    const bench = await KernelBench.create(tier);
    const weights = normals(rows * cols, 3, 1);
    weights.fill(0, 5 * cols, 5 * cols + 64);
    const packed = packMatrix(Q8, weights, rows, cols);
    const bytes = matrixBytes(Q4, ids.length, cols);
    const out = bench.put(new Uint8Array(bytes));
    bench.run.gatherRows(
      bench.put(Uint32Array.of(Q8, rows, cols, bench.put(packed))),
      bench.put(Uint32Array.from(ids)),
      ids.length,
      out,
      Q4,
    );
    const gathered = bench.engine.bytes(out, bytes).slice();
    ids.forEach((id, i) => {
      for (let b = 0; b < cols; b += BLOCK_COLS) {
        const block = Array.from({ length: Math.min(BLOCK_COLS, cols - b) }, (_, c) => unpack(Q8, packed, id, b + c, cols));
        const peak = block.reduce((p, v) => (Math.abs(v) > Math.abs(p) ? v : p), 0);
        let squares = 0;
        let plain = 0;
        block.forEach((v, c) => {
          squares += (unpack(Q4, gathered, i, b + c, cols) - v) ** 2;
          plain += peak === 0 ? 0 : (v - Math.max(-8, Math.min(7, Math.round((v / peak) * -8))) * (peak / -8)) ** 2;
        });
        expect(squares).toBeLessThanOrEqual(plain * 1.02 + 1e-4 * peak * peak);
      }
    });
  }
});

describe("packing", () => {
  it("f32 is exact, q8 within half a step of max/127, q4 within the error of the plain scale max/-8", () => {
    for (const [rows, cols] of SHAPES) {
      const w = normals(rows * cols, rows + cols, 0.3);
      for (const [, type] of TYPES) {
        const packed = packMatrix(type, w, rows, cols);
        for (let r = 0; r < rows; r++) {
          const step = type === Q8 ? 128 : BLOCK_COLS;
          for (let b = 0; b < cols; b += step) {
            const block = w.subarray(r * cols + b, r * cols + Math.min(cols, b + step));
            const peak = block.reduce((p, v) => (Math.abs(v) > Math.abs(p) ? v : p), 0);
            let squares = 0;
            let plain = 0;
            block.forEach((v, i) => {
              const error = Math.abs(unpack(type, packed, r, b + i, cols) - v);
              if (type === F32) expect(error).toBe(0);
              if (type === Q8) expect(error).toBeLessThanOrEqual((Math.abs(peak) / 127) * 0.505);
              squares += error * error;
              plain += (v - Math.max(-8, Math.min(7, Math.round((v / peak) * -8))) * (peak / -8)) ** 2;
            });
            // 2% for rounding the scale to bf16.
            if (type === Q4) expect(squares).toBeLessThanOrEqual(plain * 1.02 + 1e-4 * peak * peak);
          }
        }
      }
    }
  });
});

it("q8: each group carries the sums of its rows' bytes, less 128 each; columns beyond the last add nothing", () => {
  for (const [rows, cols] of SHAPES) {
    const packed = packMatrix(Q8, normals(rows * cols, rows + cols, 0.3), rows, cols);
    const view = new DataView(packed.buffer);
    const blocks = Math.ceil(cols / BLOCK_COLS);
    for (let panel = 0; panel < packed.length; panel += panelBytes(Q8, cols)) {
      for (let first = 0; first < blocks; first += 4) {
        const group = panel + (first / 4) * (64 + 4 * 512);
        const quads = Math.min(4, blocks - first) * 8;
        for (let r = 0; r < 16; r++) {
          let sum = 0;
          for (let at = 0; at < quads * 4; at++) sum += view.getUint8(group + 64 + (at >> 2) * 64 + r * 4 + (at & 3)) - 128;
          expect(view.getInt16(group + 32 + 2 * r, true)).toBe(sum);
        }
      }
    }
  }
});

describe("quantize", () => {
  it("scalar and simd give the same bits; rows of zeros have scale 0; values come back within half a step", async () => {
    const benches = await Promise.all(DETERMINISTIC.map((tier) => KernelBench.create(tier)));
    for (const cols of [1, 31, 32, 33, 64, 100, 576]) {
      const n = 3;
      const x = normals(n * cols, cols, 3);
      x.fill(0, cols, 2 * cols);
      const blocks = Math.ceil(cols / 32);
      const out = benches.map((bench) => {
        const q = bench.space(n * blocks * 64);
        const scales = bench.space(n * 4);
        const sums = bench.space(n * blocks * 4);
        bench.run.quantizeQ8(bench.put(x), cols * 4, n, cols, q, blocks * 64, scales, sums, blocks * 4);
        const memory = bench.engine.memory.buffer;
        return {
          q: new Int16Array(memory, q, n * blocks * 32).slice(),
          scales: bench.floats(scales, n),
          sums: new Int32Array(memory, sums, n * blocks).slice(),
        };
      });
      const first = out[0] as (typeof out)[0];
      for (const other of out.slice(1)) expect(other).toEqual(first);
      expect(first.scales[1]).toBe(0);
      for (let t = 0; t < n; t++) {
        const scale = first.scales[t] as number;
        for (let b = 0; b < blocks; b++) {
          let sum = 0;
          for (let c = b * 32; c < (b + 1) * 32; c++) {
            const q = first.q[t * blocks * 32 + c] as number;
            sum += q;
            const value = c < cols ? (x[t * cols + c] as number) : 0;
            expect(Math.abs(q * scale - value)).toBeLessThanOrEqual(scale * 0.501);
          }
          expect(first.sums[t * blocks + b]).toBe(sum === 0 ? 0 : -8 * sum);
        }
      }
    }
  });
});

describe.runIf(TIERS.includes("relaxed"))("quantize, relaxed", () => {
  it("values come back within half a step of their block or group, ragged rows and zeros too; NaN stays NaN", async () => {
    const bench = await KernelBench.create("relaxed");
    for (const cols of [1, 3, 31, 32, 33, 64, 100, 128, 160, 576]) {
      const n = 3;
      const x = normals(n * cols, cols, 3);
      x.fill(0, cols, 2 * cols);
      x[2 * cols] = NaN;
      const bytes = Math.ceil(cols / 32) * 64;
      for (const type of [Q8, Q4]) {
        const q = bench.space(n * bytes);
        bench.run[type === Q8 ? "quantizeQ8" : "quantizeQ4"](bench.put(x), cols * 4, n, cols, q, bytes, 0, 0, 0);
        const rows = bench.engine.bytes(q, n * bytes).slice();
        for (let t = 0; t < n; t++) {
          const row = rows.subarray(t * bytes);
          const width = type === Q8 ? 128 : 32;
          for (let c = 0; c < cols; c++) {
            const part = x.subarray(t * cols + c - (c % width), t * cols + Math.min(cols, c - (c % width) + width));
            const value = relaxedActivation(type, row, c);
            if (part.some(Number.isNaN)) expect(value).toBeNaN();
            else {
              const padded = [...part, ...(part.length % 32 === 0 ? [] : [0])];
              const range = type === Q8 ? Math.max(...padded) - Math.min(...padded) : Math.max(...padded.map(Math.abs));
              expect(Math.abs(value - (x[t * cols + c] as number))).toBeLessThanOrEqual((range / 127) * 0.501 + 1e-9);
            }
          }
        }
      }
    }
  });
});

it("bf16: rounded to the nearest, ties to even; the largest stays finite, NaN stays NaN", () => {
  const words = (x: number): number => new Uint32Array(Float32Array.of(x).buffer)[0] as number;
  const float = (bits: number): number => new Float32Array(Uint32Array.of(bits).buffer)[0] as number;
  const cases: readonly [number, number][] = [
    [words(1), 0x3f80],
    [0x3f808000, 0x3f80],
    [0x3f818000, 0x3f82],
    [0x3f808001, 0x3f81],
    [0xbf80c000, 0xbf81],
    [0x7f7fffff, 0x7f7f],
    [0xff7fffff, 0xff7f],
  ];
  const rows = Float32Array.from(cases, ([bits]) => float(bits));
  const packed = new Uint16Array(packPanel(BF16, rows, 1, rows.length).buffer);
  cases.forEach(([bits, want], c) => expect(packed[c * 16], `0x${bits.toString(16)}`).toBe(want));
  const bad = new Uint16Array(packPanel(BF16, Float32Array.of(NaN, Infinity), 1, 2).buffer);
  for (const c of [0, 1]) expect((bad[c * 16] as number) & 0x7f80).toBe(0x7f80);
});
