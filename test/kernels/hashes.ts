import { createHash } from "node:crypto";
import { BLOCK_COLS, WEIGHT_BF16 as BF16, WEIGHT_F32 as F32, WEIGHT_Q4 as Q4, WEIGHT_Q8 as Q8 } from "../../core/layout/matrix.ts";
import { matrixBytes, paddedRows, panelBytes, scaleGroups, scaleStride } from "../../core/panel.ts";
import { type KernelBench, normals, packMatrix } from "../helpers/kernel-bench.ts";

const SHAPES: readonly [rows: number, cols: number][] = [
  [16, 32],
  [1, 1],
  [17, 33],
  [40, 64],
  [12, 100],
  [64, 288],
  [48, 300],
];
const COUNTS = [1, 2, 3, 4, 7, 64];
const LENGTHS = [1, 3, 4, 31, 64, 301];

/** Takes what kernels leave, in order. */
class Digest {
  readonly #hash = createHash("sha256");

  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  number(value: number): void {
    this.add(new Uint8Array(Float64Array.of(value).buffer));
  }

  end(): string {
    return this.#hash.digest("hex").slice(0, 16);
  }
}

type Case = (bench: KernelBench, digest: Digest) => void;

function product(type: number, name: "matmulF32" | "matmulBF16" | "matmulQ8" | "matmulQ4"): Case {
  return (bench, digest) => {
    for (const [rows, cols] of SHAPES) {
      const w = bench.put(packMatrix(type, normals(rows * cols, rows * 7 + cols, 0.1), rows, cols));
      const blocks = Math.ceil(cols / BLOCK_COLS);
      for (const n of COUNTS) {
        const x = bench.put(normals(n * cols, n * 31 + cols));
        const q = bench.space(n * blocks * 64);
        const scales = bench.space(n * 4);
        const sums = bench.space(n * blocks * 4);
        const floats = type === F32 || type === BF16;
        if (!floats) bench.run[type === Q8 ? "quantizeQ8" : "quantizeQ4"](x, cols * 4, n, cols, q, blocks * 64, scales, sums, blocks * 4);
        const stride = paddedRows(rows) * 4;
        const xi = bench.put(Uint32Array.from({ length: n }, (_, i) => n - 1 - i));
        const yi = bench.put(Uint32Array.from({ length: n }, (_, i) => i));
        const y = bench.put(new Float32Array((n * stride) / 4));
        for (const accumulate of [false, true]) {
          bench.multiply(name, {
            w,
            rows,
            cols,
            x,
            xStride: cols * 4,
            q,
            qStride: blocks * 64,
            scales,
            sums,
            sumsStride: blocks * 4,
            xi,
            n,
            y,
            yStride: stride,
            yi,
            accumulate,
          });
          digest.add(bench.engine.bytes(y, n * stride));
        }
      }
    }
  };
}

function quantize(name: "quantizeQ8" | "quantizeQ4"): Case {
  return (bench, digest) => {
    for (const cols of [32, 33, 100, 256, 301]) {
      const blocks = Math.ceil(cols / BLOCK_COLS);
      const q = bench.put(new Uint8Array(3 * blocks * 64));
      const scales = bench.put(new Float32Array(3));
      const sums = bench.put(new Float32Array(3 * blocks));
      bench.run[name](bench.put(normals(3 * cols, cols, 2)), cols * 4, 3, cols, q, blocks * 64, scales, sums, blocks * 4);
      for (const [at, bytes] of [
        [q, 3 * blocks * 64],
        [scales, 12],
        [sums, 12 * blocks],
      ] as const)
        digest.add(bench.engine.bytes(at, bytes));
    }
  };
}

/** A kernel over vectors of some lengths: `run` gives what it wrote, by address and floats, or a number. */
function vector(run: (bench: KernelBench, length: number) => readonly [at: number, floats: number] | number): Case {
  return (bench, digest) => {
    for (const length of LENGTHS) {
      const result = run(bench, length);
      if (typeof result === "number") digest.number(result);
      else digest.add(bench.engine.bytes(result[0], result[1] * 4));
    }
  };
}

/** Attention of one or two heads: some keys at a stride, odd head sizes too. */
function attention(heads: 1 | 2, kind: "scores" | "mix"): Case {
  return (bench, digest) => {
    for (const dim of [2, 6, 16, 32, 64, 66]) {
      for (const count of [1, 2, 5, 8, 67]) {
        const stride = (dim + 3) * 4;
        const rows = bench.put(normals(count * (dim + 3), dim * count, 0.5));
        const input = bench.put(normals(2 * Math.max(dim, count), dim + count, 0.5));
        const floats = kind === "scores" ? count : dim;
        const out = bench.put(new Float32Array(2 * floats).fill(0.25));
        const { run } = bench;
        if (kind === "scores" && heads === 1) run.attentionScores(input, rows, stride, count, dim, 0.3, out);
        else if (kind === "scores") run.attentionScores2(input, dim * 4, rows, stride, count, dim, 0.3, out, floats * 4);
        else if (heads === 1) run.attentionMix(input, rows, stride, count, dim, out);
        else run.attentionMix2(input, count * 4, rows, stride, count, dim, out, floats * 4);
        digest.add(bench.engine.bytes(out, 2 * floats * 4));
      }
    }
  };
}

const put = (bench: KernelBench, length: number, seed: number): number => bench.put(normals(length, seed + length, 3));

/** What each export of the kernels leaves for seeded inputs of whole and ragged sizes. */
export const KERNELS: Readonly<Record<string, Case>> = {
  matmulF32: product(F32, "matmulF32"),
  matmulBF16: product(BF16, "matmulBF16"),
  matmulQ8: product(Q8, "matmulQ8"),
  matmulQ4: product(Q4, "matmulQ4"),
  quantizeQ8: quantize("quantizeQ8"),
  quantizeQ4: quantize("quantizeQ4"),
  attentionScores: attention(1, "scores"),
  attentionScores2: attention(2, "scores"),
  attentionMix: attention(1, "mix"),
  attentionMix2: attention(2, "mix"),
  rope: vector((bench, half) => {
    const x = put(bench, 2 * half, 1);
    bench.run.rope(x, put(bench, half, 2), put(bench, half, 3), half);
    return [x, 2 * half];
  }),
  rmsNorm: vector((bench, n) => {
    const out = bench.space(n * 4);
    bench.run.rmsNorm(put(bench, n, 1), put(bench, n, 2), n, 1e-5, out);
    return [out, n];
  }),
  siluScale: vector((bench, n) => {
    const h = put(bench, n, 1);
    bench.run.siluScale(h, n, 0.7);
    return [h, n];
  }),
  siluMul: vector((bench, n) => {
    const up = put(bench, n, 1);
    bench.run.siluMul(put(bench, n, 2), up, n);
    return [up, n];
  }),
  addScaled: vector((bench, n) => {
    const x = put(bench, n, 1);
    bench.run.addScaled(x, put(bench, n, 2), n, 0.7);
    return [x, n];
  }),
  scale: vector((bench, n) => {
    const out = bench.space(n * 4);
    bench.run.scale(put(bench, n, 1), n, 0.7, out);
    return [out, n];
  }),
  softmax: vector((bench, n) => {
    const x = put(bench, n, 1);
    bench.run.softmax(x, n);
    return [x, n];
  }),
  exp: vector((bench, n) => bench.run.exp((n - 60) / 7)),
  argmax: vector((bench, n) => bench.run.argmax(put(bench, n, 1), n)),
  topK: vector((bench, n) => {
    const out = bench.put(new Float32Array(32));
    bench.run.topK(put(bench, n, 1), n, 16, out, out + 64);
    return [out, 32];
  }),
  logSoftmaxTopK: vector((bench, n) => {
    const x = put(bench, n, 1);
    const out = bench.put(new Float32Array(32));
    bench.run.logSoftmaxTopK(x, n, 16, bench.space(n * 4), out, out + 64);
    return [out, 32];
  }),
  finiteFloats: vector((bench, n) => {
    const x = normals(n, n);
    const clean = bench.run.finiteFloats(bench.put(x), n);
    x[n - 1] = NaN;
    return 2 * clean + bench.run.finiteFloats(bench.put(x), n);
  }),
  finiteScales: vector((bench, n) => {
    const packed = packMatrix(Q4, normals(20 * n, n), 20, n);
    const count = scaleGroups(Q4, n);
    const stride = scaleStride(Q4);
    const clean = bench.run.finiteScales(bench.put(packed), 2, panelBytes(Q4, n), count, stride);
    packed.fill(0x7f, panelBytes(Q4, n) + (count - 1) * stride, panelBytes(Q4, n) + (count - 1) * stride + 2);
    new DataView(packed.buffer).setUint16(panelBytes(Q4, n) + (count - 1) * stride + 2, 0x7f80, true);
    return 2 * clean + bench.run.finiteScales(bench.put(packed), 2, panelBytes(Q4, n), count, stride);
  }),
  checksum: vector((bench, n) => bench.run.checksum(put(bench, n, 1), 4 * n - 1)),
  checksumStripes: vector((bench, n) => {
    const lanes = put(bench, 4, 2);
    bench.run.checksumStripes(lanes, put(bench, n, 1), n >> 2);
    return [lanes, 4];
  }),
  ropeFrequencies: vector((bench, half) => {
    const out = bench.space(half * 4);
    bench.run.ropeFrequencies(10000, 2 * half, 1, 0, 0, 0, out);
    return [out, half];
  }),
  matrixBytes: vector(
    (bench, n) =>
      bench.run.matrixBytes(F32, n, 7) +
      bench.run.matrixBytes(BF16, n, 7) +
      bench.run.matrixBytes(Q8, n, n) +
      bench.run.matrixBytes(Q4, n, n),
  ),
  gatherRows: (bench, digest) => {
    for (const [source, target] of [
      [F32, F32],
      [Q8, Q8],
      [Q8, Q4],
      [Q4, Q4],
    ] as const) {
      const [rows, cols] = [40, 100];
      const w = bench.put(packMatrix(source, normals(rows * cols, source + 1), rows, cols));
      const bytes = matrixBytes(target, 5, cols);
      const out = bench.put(new Uint8Array(bytes));
      bench.run.gatherRows(bench.put(Uint32Array.of(source, rows, cols, w)), bench.put(Uint32Array.of(3, 39, 16, 4, 0)), 5, out, target);
      digest.add(bench.engine.bytes(out, bytes));
    }
  },
};

/** A hash of what each kernel leaves. */
export function hashKernels(bench: KernelBench): Record<string, string> {
  return Object.fromEntries(
    Object.entries(KERNELS).map(([name, run]) => {
      const digest = new Digest();
      run(bench, digest);
      return [name, digest.end()];
    }),
  );
}
