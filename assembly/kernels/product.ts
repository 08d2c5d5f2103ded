/** y[yi[t]] = W x[xi[t]], or +=, for t < n: what a kernel that computes two products at once is told of each. */
@unmanaged
export class Product {
  /** Panels of weights. */
  w: usize;
  panelBytes: usize;
  panels: i32;
  n: i32;
  /** Quantised rows. */
  x: usize;
  /** Bytes, as yStride. */
  xStride: usize;
  xi: usize;
  y: usize;
  yStride: usize;
  yi: usize;
  accumulate: bool;
}
