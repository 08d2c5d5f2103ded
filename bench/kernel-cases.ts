import { WEIGHT_BF16 as BF16, WEIGHT_F32 as F32, WEIGHT_Q4 as Q4, WEIGHT_Q8 as Q8 } from "../core/layout/matrix.ts";
import { matrixBytes, paddedRows, panelBytes, scaleGroups, scaleStride } from "../core/panel.ts";
import type { Bed } from "./bed.ts";

/** A kernel on inputs of one size. */
export interface KernelCase {
  readonly kernel: string;
  readonly size: string;
  readonly bytes: number;
  readonly ops: number;
  readonly make: (bed: Bed) => () => void;
}

const NAMES = ["f32", "q8", "q4", "bf16"] as const;
const MATMULS = ["matmulF32", "matmulQ8", "matmulQ4", "matmulBF16"] as const;

/** Every kernel on sizes of its own. @param quick leaves out the large buffers */
export function kernelCases(quick: boolean): KernelCase[] {
  const cases: KernelCase[] = [];
  for (const type of [F32, BF16, Q8, Q4] as const) {
    // In L1; one published-size projection; a matrix that no cache holds.
    const shapes: [rows: number, cols: number, n: number][] = [
      [32, 576, 1],
      [1536, 576, 1],
      [1536, 576, 4],
      [1536, 576, 32],
      [256, 32, 1],
    ];
    if (!quick) shapes.push([131072, 1280, 1]);
    for (const [rows, cols, n] of shapes) cases.push(matmulCase(type, rows, cols, n));
  }
  return [...cases, ...vectorCases()];
}

function matmulCase(type: number, rows: number, cols: number, n: number): KernelCase {
  return {
    kernel: `matmul ${NAMES[type]}`,
    size: `${rows}x${cols} n=${n}`,
    bytes: matrixBytes(type, rows, cols),
    ops: 2 * rows * cols * n,
    make: (bed) => {
      const product = bed.rowsProduct(bed.weights(type, rows, cols), type, rows, cols, n);
      return () => bed.run[MATMULS[type as 0 | 1 | 2 | 3]](product);
    },
  };
}

function vectorCases(): KernelCase[] {
  const n = 1536;
  const vocab = 49152;
  const vector = (kernel: string, ops: number, count: number, make: (bed: Bed) => () => void): KernelCase => ({
    kernel,
    size: String(count),
    bytes: count * 4,
    ops: ops * count,
    make,
  });
  return [
    ...(["quantizeQ8", "quantizeQ4"] as const).map((name) =>
      vector(name, 4, n, (bed) => {
        const [x, q, scales, sums] = [bed.uniform(n), bed.random(n * 2), bed.uniform(1), bed.random(n)];
        return () => bed.run[name](x, n * 4, 1, n, q, n * 2, scales, sums, n);
      }),
    ),
    vector("rmsNorm", 4, n, (bed) => {
      const [x, w, out] = [bed.uniform(n), bed.uniform(n), bed.uniform(n)];
      return () => bed.run.rmsNorm(x, w, n, 1e-5, out);
    }),
    vector("siluScale", 20, n, (bed) => {
      const [x, fresh] = [bed.uniform(n), bed.uniform(n)];
      return () => {
        // In place: without new input the values would decay into denormals.
        bed.run.scale(fresh, n, 1, x);
        bed.run.siluScale(x, n, 1.5);
      };
    }),
    vector("siluMul", 20, n, (bed) => {
      const [gate, up, fresh] = [bed.uniform(n), bed.uniform(n), bed.uniform(n)];
      return () => {
        bed.run.scale(fresh, n, 1, up);
        bed.run.siluMul(gate, up, n);
      };
    }),
    vector("addScaled", 2, n, (bed) => {
      const [x, b] = [bed.uniform(n), bed.uniform(n, 1e-3)];
      return () => bed.run.addScaled(x, b, n, 1e-3);
    }),
    vector("softmax", 20, n, (bed) => {
      const [x, fresh] = [bed.uniform(n), bed.uniform(n, 8)];
      return () => {
        bed.run.scale(fresh, n, 1, x);
        bed.run.softmax(x, n);
      };
    }),
    vector("argmax", 1, vocab, (bed) => {
      const x = bed.uniform(vocab);
      return () => void bed.run.argmax(x, vocab);
    }),
    vector("topK 10", 1, vocab, (bed) => {
      const [x, indices, values] = [bed.uniform(vocab), bed.random(40), bed.random(40)];
      return () => void bed.run.topK(x, vocab, 10, indices, values);
    }),
    vector("finiteFloats", 1, vocab, (bed) => {
      const x = bed.uniform(vocab);
      return () => void bed.run.finiteFloats(x, vocab);
    }),
    {
      kernel: "finiteScales q8",
      size: "1536x576",
      bytes: 2 * paddedRows(1536) * scaleGroups(Q8, 576),
      ops: paddedRows(1536) * scaleGroups(Q8, 576),
      make: (bed) => {
        const [w, panel, groups] = [bed.weights(Q8, 1536, 576), panelBytes(Q8, 576), scaleGroups(Q8, 576)];
        return () => void bed.run.finiteScales(w, matrixBytes(Q8, 1536, 576) / panel, panel, groups, scaleStride(Q8));
      },
    },
    vector("rope", 3, 64, (bed) => {
      const [x, cos, sin] = [bed.uniform(64), bed.uniform(32), bed.uniform(32)];
      return () => bed.run.rope(x, cos, sin, 32);
    }),
    vector("attentionScores 64 x 512", 2, 64 * 512, (bed) => {
      const [q, keys, scores] = [bed.uniform(64), bed.uniform(64 * 512), bed.uniform(512)];
      return () => bed.run.attentionScores(q, keys, 256, 512, 64, 0.125, scores);
    }),
    vector("attentionMix 64 x 512", 2, 64 * 512, (bed) => {
      const [w, values, out] = [bed.uniform(512), bed.uniform(64 * 512), bed.uniform(64, 1e-3)];
      return () => bed.run.attentionMix(w, values, 256, 512, 64, out);
    }),
  ];
}
