// Checks of weights from strangers. An exponent of all ones is infinity or NaN.

/** 1 when all `count` f32 at `p` are finite. */
export function finiteFloats(p: usize, count: i32): i32 {
  const end = p + (<usize>count << 2);
  let bad = 0;
  for (; p < end; p += 4) bad |= i32((load<u32>(p) & 0x7f800000) === 0x7f800000);
  return 1 - bad;
}

/**
 * 1 when the scales of a quantised matrix are finite: 16 bf16 at the start of each of `groups` groups, `groupBytes` apart, in each
 * of `panels` panels, `panelBytes` apart.
 */
export function finiteScales(p: usize, panels: i32, panelBytes: usize, groups: i32, groupBytes: usize): i32 {
  for (let panel = 0; panel < panels; panel++) {
    let at = p;
    for (let g = 0; g < groups; g++) {
      if (!finite16(at)) return 0;
      at += groupBytes;
    }
    p += panelBytes;
  }
  return 1;
}

// @ts-ignore: decorator
@inline
function finite16(p: usize): bool {
  if (ASC_FEATURE_SIMD) {
    const exponent = i16x8.splat(0x7f80);
    const a = i16x8.eq(v128.and(v128.load(p), exponent), exponent);
    const b = i16x8.eq(v128.and(v128.load(p, 16), exponent), exponent);
    return !v128.any_true(v128.or(a, b));
  }
  for (let s: usize = 0; s < 32; s += 2) if ((load<u16>(p + s) & 0x7f80) === 0x7f80) return false;
  return true;
}
