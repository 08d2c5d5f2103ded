import { expect, it } from "vitest";
import { exp } from "../../core/sampling/exp.ts";
import { createRandom } from "../../src/decode/sampling/rng.ts";

const BITS = 1400n;
const ONE = 1n << BITS;

/** e^x * 2^1400 in whole numbers, for x a multiple of 2^-40: Taylor series of e^(x / 2^16), squared 16 times. */
function exactExp(x: number): bigint {
  const reduced = (BigInt(x * 2 ** 40) << (BITS - 40n)) >> 16n;
  let term = ONE;
  let sum = ONE;
  for (let n = 1n; term !== 0n && n < 200n; n++) {
    term = (term * reduced) / (n << BITS);
    sum += term;
  }
  for (let i = 0; i < 16; i++) sum = (sum * sum) >> BITS;
  return sum;
}

/** A float64 times 2^1400, exactly, for values down to 2^-1022. */
function scaled(value: number): bigint {
  let exponent = 0;
  while (value < 2 ** 53) {
    value *= 2;
    exponent++;
  }
  return (BigInt(value) << BITS) >> BigInt(exponent);
}

it("is within 2^-52 of e^x", () => {
  const { float } = createRandom(7);
  let worst = 0;
  for (let i = 0; i < 600; i++) {
    const range = [2, 30, 300][i % 3]!;
    const x = Math.round((float() * 2 - 1) * range * 2 ** 40) / 2 ** 40;
    if (x > 250) continue;
    const exact = exactExp(x);
    const difference = scaled(exp(x)) - exact;
    worst = Math.max(worst, Number(((difference < 0n ? -difference : difference) * 2n ** 80n) / exact) / 2 ** 80);
  }
  expect(worst).toBeGreaterThan(0);
  expect(worst).toBeLessThan(2 ** -52);
});

it("agrees with Math.exp everywhere", () => {
  for (let x = -708; x <= 709.7; x += 0.0371) expect(Math.abs(exp(x) / Math.exp(x) - 1), String(x)).toBeLessThan(5e-16);
  for (let x = -745; x <= -708; x += 0.013) expect(Math.abs(exp(x) - Math.exp(x)), String(x)).toBeLessThanOrEqual(2 ** -1073);
});

it("keeps the edges", () => {
  expect([exp(0), exp(-0), exp(-Infinity), exp(Infinity), exp(-1000), exp(1000)]).toEqual([1, 1, 0, Infinity, 0, Infinity]);
  expect(exp(NaN)).toBeNaN();
  let previous = -1;
  for (let x = -1; x <= 1; x += 1e-4) {
    expect(exp(x)).toBeGreaterThan(previous);
    previous = exp(x);
  }
});
