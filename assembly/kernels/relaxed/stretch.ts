import { PANEL_ROWS } from "../../../core/layout/matrix";

/** Bytes of panels that all tokens pass over before the next ones are read: small enough to stay in a second-level cache. */
const STRETCH_BYTES: usize = 131072;

/**
 * Rows of such a stretch. Hardware prefetchers follow a long run of addresses and lose it when a panel is read a second time, so further
 * tokens come back to many panels at once. Up to two tokens read everything once: one stretch.
 */
export function stretchRows(panelBytes: usize, n: i32): i32 {
  if (n <= 2) return i32.MAX_VALUE & ~(PANEL_ROWS - 1);
  return <i32>max<usize>(1, STRETCH_BYTES / panelBytes) * PANEL_ROWS;
}
