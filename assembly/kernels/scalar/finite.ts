// Checks of weights from strangers. An exponent of all ones is infinity or NaN.

/** 1 when all `count` f32 at `p` are finite. */
export function finiteFloats(p: usize, count: i32): i32 {
  const end = p + ((<usize>count) << 2);
  let bad = 0;
  for (; p < end; p += 4) bad |= i32((load<u32>(p) & 0x7f800000) === 0x7f800000);
  return 1 - bad;
}

/**
 * 1 when the scales of a quantised matrix are finite: 16 bf16 at the start of each of `groups` groups, `groupBytes` apart, in each
 * of `panels` panels, `panelBytes` apart.
 */
export function finiteScales(p: usize, panels: i32, panelBytes: usize, groups: i32, groupBytes: usize): i32 {
  let bad = 0;
  for (let panel = 0; panel < panels; panel++) {
    let at = p;
    for (let g = 0; g < groups; g++) {
      for (let s: usize = 0; s < 32; s += 2) bad |= i32((load<u16>(at + s) & 0x7f80) === 0x7f80);
      at += groupBytes;
    }
    p += panelBytes;
  }
  return 1 - bad;
}
