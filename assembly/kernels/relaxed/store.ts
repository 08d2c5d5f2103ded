import { Product } from "../product";

/** What a panel's sums begin with and what becomes of them: zeros, stored over y; zeros, added to y; y, stored over it. */
export const STORE = 0;
export const ADD = 1;
export const CONTINUE = 2;

/** Stores or adds four finished rows. */
// @ts-ignore: decorator
@inline
function put(y: usize, offset: usize, f: v128, accumulate: bool): void {
  v128.store(y + offset, accumulate ? f32x4.add(v128.load(y + offset), f) : f);
}

/** Stores or adds eight finished rows. */
// @ts-ignore: decorator
@inline
export function store2(y: usize, f0: v128, f1: v128, accumulate: bool): void {
  put(y, 0, f0, accumulate);
  put(y, 16, f1, accumulate);
}

/** Stores or adds sixteen finished rows. */
// @ts-ignore: decorator
@inline
export function store4(y: usize, f0: v128, f1: v128, f2: v128, f3: v128, accumulate: bool): void {
  store2(y, f0, f1, accumulate);
  store2(y + 32, f2, f3, accumulate);
}

/**
 * Stores or adds eight finished rows of token t, `shift` bytes into its row. A function of its own: four of them would lengthen a kernel
 * by a third.
 */
function finishRow(product: Product, t: i32, shift: usize, f0: v128, f1: v128): void {
  store2(product.out(t) + shift, f0, f1, product.accumulate);
}

// By name: asc warns of `export function` with v128, as if a host were to call it.
export { finishRow };
