import { np, tensor, type Tensor } from "../autodiff/jax.ts";

/** Cosines and sines `[length, 1, dim / 2]` of the rotary angles (arXiv 2104.09864), rounded to f32 where the engine rounds them. */
export function ropeTables(length: number, dim: number, theta: number): { cos: Tensor; sin: Tensor } {
  const half = dim / 2;
  const cos = new Float32Array(length * half);
  const sin = new Float32Array(length * half);
  for (let i = 0; i < half; i++) {
    const frequency = Math.fround(1 / theta ** ((2 * i) / dim));
    for (let p = 0; p < length; p++) {
      const angle = Math.fround(p * frequency);
      cos[p * half + i] = Math.cos(angle);
      sin[p * half + i] = Math.sin(angle);
    }
  }
  return { cos: tensor(cos, [length, 1, half]), sin: tensor(sin, [length, 1, half]) };
}

/** Turns pairs (i, i + dim / 2) of `[..., length, heads, dim]`. */
export function rotate(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  const half = (x.shape.at(-1) as number) / 2;
  const axes = x.shape.slice(0, -1).map((): [] => []);
  const first = x.ref.slice(...axes, [0, half]);
  const second = x.slice(...axes, [half, 2 * half]);
  return np.concatenate([first.ref.mul(cos.ref).sub(second.ref.mul(sin.ref)), second.mul(cos).add(first.mul(sin))], -1);
}
