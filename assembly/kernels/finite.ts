// Checks of weights from strangers. An exponent of all ones is infinity or NaN.

/** 1 when all `count` f32 at `p` are finite. */
export function finiteFloats(p: usize, count: i32): i32 {
  const end = p + (<usize>count << 2);
  let bad = 0;
  for (; p < end; p += 4) bad |= i32((load<u32>(p) & 0x7f800000) === 0x7f800000);
  return 1 - bad;
}

/** 1 when the 16 bf16 scales at the start of each of `count` blocks, `stride` bytes apart, are finite. */
export function finiteScales(p: usize, count: i32, stride: usize): i32 {
  let bad = 0;
  for (let b = 0; b < count; b++) {
    for (let s: usize = 0; s < 32; s += 2) bad |= i32((load<u16>(p + s) & 0x7f80) === 0x7f80);
    p += stride;
  }
  return 1 - bad;
}
