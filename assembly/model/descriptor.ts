// Typed reads of the descriptors in core/layout/.

// @ts-ignore: decorator
@inline
export function int(base: usize, field: i32): i32 {
  return load<i32>(base + field);
}

// @ts-ignore: decorator
@inline
export function ptr(base: usize, field: i32): usize {
  return <usize>load<u32>(base + field);
}

// @ts-ignore: decorator
@inline
export function float(base: usize, field: i32): f32 {
  return load<f32>(base + field);
}

/** Rounded up to whole panels: the floats that a matrix product of `rows` rows writes. */
// @ts-ignore: decorator
@inline
export function padded(rows: i32): i32 {
  return (rows + 15) & ~15;
}
