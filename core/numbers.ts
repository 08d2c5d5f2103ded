/** `n` divided by `step` and rounded up: exact to 2^53. */
export function ceilDivide(n: f64, step: f64): f64 {
  return Math.ceil(n / step);
}

/** `n` rounded up to a multiple of `step`. */
export function alignUp(n: f64, step: f64): f64 {
  return ceilDivide(n, step) * step;
}

/** `n` divided by `step` and rounded down. */
export function floorDivide(n: f64, step: f64): f64 {
  return Math.floor(n / step);
}
