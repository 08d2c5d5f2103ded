import { describe, expect, it } from "vitest";
import { bits, KernelBench, normals } from "../helpers/kernel-bench.ts";
import { TIERS } from "../helpers/test-host.ts";

const SIZES = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 64, 100, 257];
const benches = await Promise.all(TIERS.map((tier) => KernelBench.create(tier)));
const silu = (x: number): number => x / (1 + Math.exp(-x));

/** Runs a kernel in every tier and returns what each left at `count` floats. */
function each(count: number, body: (bench: KernelBench) => number): Float32Array[] {
  return benches.map((bench) => bench.floats(body(bench), count));
}

function expectClose(got: Float32Array, want: (i: number) => number, relative: number, absolute = 1e-30): void {
  got.forEach((v, i) =>
    expect(Math.abs(v - want(i)), `element ${i}: ${v} vs ${want(i)}`).toBeLessThanOrEqual(Math.abs(want(i)) * relative + absolute),
  );
}

describe("exp", () => {
  it("is within 2e-7 relative of the true value over its range, clamps outside, keeps NaN; the same bits in every tier", () => {
    for (let x = -87; x <= 88; x += 0.0137) {
      const xf = Math.fround(x);
      const values = benches.map((bench) => bench.run.exp(xf));
      expect(Math.abs((values[0] as number) / Math.exp(xf) - 1)).toBeLessThan(2e-7);
      expect(values[1]).toBe(values[0]);
    }
    for (const { run } of benches) {
      expect(run.exp(0)).toBe(1);
      expect(run.exp(-1000)).toBe(run.exp(-87));
      expect(run.exp(1000)).toBe(run.exp(88));
      expect(run.exp(NaN)).toBeNaN();
    }
  });
});

describe("vector kernels against f64", () => {
  it("rmsNorm: 1e-6 relative", () => {
    for (const n of SIZES) {
      const x = normals(n, n);
      const w = normals(n, n + 1000);
      const mean = x.reduce((s, v) => s + v * v, 0) / n;
      for (const got of each(n, (b) => {
        const out = b.space(n * 4);
        b.run.rmsNorm(b.put(x), b.put(w), n, 1e-5, out);
        return out;
      }))
        expectClose(got, (i) => ((x[i] as number) / Math.sqrt(mean + Math.fround(1e-5))) * (w[i] as number), 1e-6);
    }
  });

  it("siluScale and siluMul: 5e-7 relative, the same bits in every tier", () => {
    for (const n of SIZES) {
      const x = normals(n, n, 4);
      const u = normals(n, n + 7);
      const scaled = each(n, (b) => {
        const at = b.put(x);
        b.run.siluScale(at, n, 1.75);
        return at;
      });
      expectClose(scaled[0] as Float32Array, (i) => silu(x[i] as number) * 1.75, 5e-7);
      expect(bits(scaled[1] as Float32Array)).toEqual(bits(scaled[0] as Float32Array));
      const gated = each(n, (b) => {
        const at = b.put(u);
        b.run.siluMul(b.put(x), at, n);
        return at;
      });
      expectClose(gated[0] as Float32Array, (i) => silu(x[i] as number) * (u[i] as number), 5e-7);
      expect(bits(gated[1] as Float32Array)).toEqual(bits(gated[0] as Float32Array));
    }
  });

  it("addScaled and scale: the same bits as f32 arithmetic", () => {
    for (const n of SIZES) {
      const x = normals(n, n);
      const y = normals(n, n + 1);
      for (const got of each(n, (b) => {
        const at = b.put(x);
        b.run.addScaled(at, b.put(y), n, 0.3);
        return at;
      }))
        expect(got).toEqual(x.map((v, i) => v + Math.fround((y[i] as number) * Math.fround(0.3))));
      for (const got of each(n, (b) => {
        const out = b.space(n * 4);
        b.run.scale(b.put(x), n, 0.3, out);
        return out;
      }))
        expect(got).toEqual(x.map((v) => v * Math.fround(0.3)));
    }
  });

  it("softmax: 3e-6 relative (x - max is rounded to f32 before exp), sums to 1", () => {
    for (const n of SIZES) {
      const x = normals(n, n, 5);
      const peak = Math.max(...x);
      const sum = x.reduce((s, v) => s + Math.exp(v - peak), 0);
      for (const got of each(n, (b) => {
        const at = b.put(x);
        b.run.softmax(at, n);
        return at;
      })) {
        expectClose(got, (i) => Math.exp((x[i] as number) - peak) / sum, 3e-6);
        expect(got.reduce((s, v) => s + v, 0)).toBeCloseTo(1, 5);
      }
    }
  });

  it("argmax: the first largest; NaN is reported", () => {
    for (const n of SIZES) {
      const x = normals(n, n + 3);
      const want = x.indexOf(Math.max(...x));
      const tied = x.map((v, i) => (i >= n >> 1 ? 9 : v));
      const broken = x.map((v, i) => (i === n - 1 ? NaN : v));
      for (const b of benches) {
        expect(b.run.argmax(b.put(x), n)).toBe(want);
        expect(b.run.argmax(b.put(tied), n)).toBe(n >> 1);
        expect(b.run.argmax(b.put(broken), n)).toBe(-1);
      }
    }
  });

  it("topK: descending, ties by index, any k", () => {
    for (const n of SIZES) {
      for (const k of [1, 3, 8, 64]) {
        const x = normals(n, n).map((v) => Math.round(v * 3));
        const want = Array.from(x, (v, i) => [v, i] as const)
          .sort((a, b) => b[0] - a[0] || a[1] - b[1])
          .slice(0, k);
        for (const b of benches) {
          const indices = b.space(k * 4);
          const values = b.space(k * 4);
          const got = b.run.topK(b.put(x), n, k, indices, values);
          expect(got).toBe(Math.min(k, n));
          expect(Array.from(b.engine.u32(indices, got))).toEqual(want.map(([, i]) => i));
          expect(Array.from(b.engine.f32(values, got))).toEqual(want.map(([v]) => v));
        }
      }
    }
  });

  it("topK: the same in every tier for ragged sizes, ascending input, all equal, infinities and NaN", () => {
    const kinds: ((n: number) => Float32Array)[] = [
      (n) => normals(n, n + 1),
      (n) => Float32Array.from({ length: n }, (_, i) => i),
      (n) => new Float32Array(n).fill(-0.5),
      (n) => normals(n, n + 2).map((v, i) => (i % 7 === 3 ? NaN : i % 5 === 1 ? -Infinity : i % 11 === 10 ? Infinity : v)),
      (n) => Float32Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 0 : -0)),
    ];
    for (const n of [0, 1, 15, 16, 17, 18, 33, 64, 100, 1003]) {
      for (const k of [0, 1, 2, 5, 16, 40]) {
        for (const kind of kinds) {
          const x = kind(n);
          const got = benches.map((b) => {
            const indices = b.space(k * 4);
            const values = b.space(k * 4);
            const count = b.run.topK(b.put(x), n, k, indices, values);
            return { count, indices: [...b.engine.u32(indices, count)], values: [...bits(b.floats(values, count))] };
          });
          expect(got[0]?.count).toBe(Math.min(k, n));
          for (const other of got) expect(other).toEqual(got[0]);
        }
      }
    }
  });

  it("rope: 1e-6 of the rotation, the same bits in every tier", () => {
    for (const half of [1, 2, 3, 4, 8, 17, 32]) {
      const x = normals(2 * half, half);
      const angles = normals(half, half + 5);
      const cos = angles.map(Math.cos);
      const sin = angles.map(Math.sin);
      const got = each(2 * half, (b) => {
        const at = b.put(x);
        b.run.rope(at, b.put(cos), b.put(sin), half);
        return at;
      });
      expect(bits(got[1] as Float32Array)).toEqual(bits(got[0] as Float32Array));
      for (let d = 0; d < half; d++) {
        const [a, c] = [x[d] as number, x[d + half] as number];
        expect(got[0]?.[d]).toBeCloseTo(a * (cos[d] as number) - c * (sin[d] as number), 5);
        expect(got[0]?.[d + half]).toBeCloseTo(c * (cos[d] as number) + a * (sin[d] as number), 5);
      }
    }
  });

  it("attention scores and mixing: within f32 rounding of f64, and one call equals several", () => {
    for (const dim of [1, 4, 6, 16, 20, 33, 64]) {
      for (const count of [1, 3, 9]) {
        const stride = dim + 3;
        const q = normals(dim, dim);
        const rows = normals(count * stride, dim + count);
        const weights = normals(count, count);
        for (const b of benches) {
          const keys = b.put(rows);
          const scores = b.space(count * 4);
          b.run.attentionScores(b.put(q), keys, stride * 4, count, dim, 0.25, scores);
          b.floats(scores, count).forEach((v, i) => {
            let want = 0;
            for (let d = 0; d < dim; d++) want += (q[d] as number) * (rows[i * stride + d] as number);
            expect(Math.abs(v - want * 0.25)).toBeLessThan(1e-5);
          });
          const w = b.put(weights);
          const out = b.put(new Float32Array(dim));
          b.run.attentionMix(w, keys, stride * 4, count, dim, out);
          const split = b.put(new Float32Array(dim));
          b.run.attentionMix(w, keys, stride * 4, 1, dim, split);
          b.run.attentionMix(w + 4, keys + stride * 4, stride * 4, count - 1, dim, split);
          expect(bits(b.floats(split, dim))).toEqual(bits(b.floats(out, dim)));
          b.floats(out, dim).forEach((v, d) => {
            let want = 0;
            for (let i = 0; i < count; i++) want += (weights[i] as number) * (rows[i * stride + d] as number);
            expect(Math.abs(v - want)).toBeLessThan(1e-5);
          });
        }
      }
    }
  });

  it("attention of two heads: the bits of one head each, wherever a run of rows ends", () => {
    for (const dim of [1, 6, 16, 20, 32, 64]) {
      for (const count of [1, 4, 7, 9]) {
        const stride = dim + 3;
        const queries = [normals(dim, dim), normals(dim, dim + 1)];
        const rows = normals(count * stride, dim + count);
        const weights = normals(2 * count, count);
        for (const b of benches) {
          const keys = b.put(rows);
          const q = b.put(Float32Array.from([...(queries[0] as Float32Array), 0, ...(queries[1] as Float32Array)]));
          const pair = b.space(2 * count * 4);
          b.run.attentionScores2(q, (dim + 1) * 4, keys, stride * 4, count, dim, 0.25, pair, count * 4);
          queries.forEach((query, i) => {
            const one = b.space(count * 4);
            b.run.attentionScores(b.put(query), keys, stride * 4, count, dim, 0.25, one);
            expect(bits(b.floats(pair + i * count * 4, count))).toEqual(bits(b.floats(one, count)));
          });
          const w = b.put(weights);
          const mixed = b.put(new Float32Array(2 * dim));
          b.run.attentionMix2(w, count * 4, keys, stride * 4, count, dim, mixed, dim * 4);
          const split = b.put(new Float32Array(2 * dim));
          const first = Math.floor(count / 2);
          b.run.attentionMix2(w, count * 4, keys, stride * 4, first, dim, split, dim * 4);
          b.run.attentionMix2(w + first * 4, count * 4, keys + first * stride * 4, stride * 4, count - first, dim, split, dim * 4);
          expect(bits(b.floats(split, 2 * dim))).toEqual(bits(b.floats(mixed, 2 * dim)));
          for (const i of [0, 1]) {
            const one = b.put(new Float32Array(dim));
            b.run.attentionMix(w + i * count * 4, keys, stride * 4, count, dim, one);
            expect(bits(b.floats(mixed + i * dim * 4, dim))).toEqual(bits(b.floats(one, dim)));
          }
        }
      }
    }
  });

  it("finiteFloats and finiteScales find one bad value anywhere", () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      for (const n of [1, 15, 16, 17, 50]) {
        for (let at = 0; at < n; at++) {
          const x = normals(n, 1);
          x[0] = 3.4028234663852886e38;
          for (const b of benches) expect(b.run.finiteFloats(b.put(x), n)).toBe(1);
          x[at] = bad;
          for (const b of benches) expect(b.run.finiteFloats(b.put(x), n)).toBe(0);
        }
      }
    }
    // Two panels of 2100 bytes with two groups 2080 apart; bytes between the scales may be anything.
    const panels = new Uint8Array(2 * 2200).fill(0xff);
    const scales = [0, 2080, 2200, 2200 + 2080];
    for (const at of scales) panels.fill(0x3f, at, at + 32);
    for (const b of benches) expect(b.run.finiteScales(b.put(panels), 2, 2200, 2, 2080)).toBe(1);
    for (const at of scales) {
      for (const scale of [0, 7, 15]) {
        const bad = panels.slice();
        bad.set([0x80, 0x7f], at + 2 * scale);
        for (const b of benches) expect(b.run.finiteScales(b.put(bad), 2, 2200, 2, 2080)).toBe(0);
      }
    }
  });
});
