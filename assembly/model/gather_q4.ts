import { BLOCK_COLS, Q4_BLOCK_BYTES, Q8_BLOCK_BYTES, Q8_GROUP_BLOCKS, Q8_HEAD_BYTES } from "../../core/layout/matrix";
import { bf16, toBF16 } from "../kernels/scalar/bf16";
import { q4ByteAt, q4NibbleAt } from "../kernels/scalar/matmul_q4";
import { q8ByteAt } from "../kernels/scalar/matmul_q8";

/** Row r of a q4 panel as row s of another, which holds zeros. */
export function copyNibbles(from: usize, r: i32, to: usize, s: i32, cols: i32): void {
  const end = from + <usize>((cols + BLOCK_COLS - 1) / BLOCK_COLS) * Q4_BLOCK_BYTES;
  for (; from < end; from += Q4_BLOCK_BYTES) {
    const scale = bf16(from + (r << 1)) * <f32>(1 << (r & 4));
    store<u16>(to + (s << 1), toBF16(scale / <f32>(1 << (s & 4))));
    for (let c = 0; c < BLOCK_COLS; c++) {
      const at = to + q4ByteAt(s, c);
      store<u8>(at, load<u8>(at) | (<u8>(q4NibbleAt(from, r, c) << (s & 4))));
    }
    to += Q4_BLOCK_BYTES;
  }
}

/** Row r of a q8 panel as row s of a q4 panel of zeros. */
export function roundBytes(from: usize, r: i32, to: usize, s: i32, cols: i32): void {
  const blocks = (cols + BLOCK_COLS - 1) / BLOCK_COLS;
  for (let b = 0; b < blocks; b++) {
    const group = from + <usize>(b / Q8_GROUP_BLOCKS) * (Q8_HEAD_BYTES + Q8_GROUP_BLOCKS * Q8_BLOCK_BYTES);
    roundBlock(group, r, (b % Q8_GROUP_BLOCKS) * BLOCK_COLS, to + <usize>b * Q4_BLOCK_BYTES, s);
  }
}

/**
 * One block: the weight that is largest by magnitude becomes -8, and the scale is the one with the least squared error for the q that
 * follow, sum(w q) / sum(q q). src/format/packed/quantize.ts looks for better ones, which a conversion has the time for.
 */
function roundBlock(group: usize, r: i32, first: i32, block: usize, s: i32): void {
  let peak = 0;
  for (let c = 0; c < BLOCK_COLS; c++) {
    const w = weight(group, r, first + c);
    if (abs(w) > abs(peak)) peak = w;
  }
  const inverse = peak === 0 ? <f32>0 : <f32>-8 / <f32>peak;
  let wq = 0;
  let qq = 0;
  for (let c = 0; c < BLOCK_COLS; c++) {
    const w = weight(group, r, first + c);
    const q = min(<i32>Mathf.floor(<f32>w * inverse + 0.5), 7);
    wq += w * q;
    qq += q * q;
    const at = block + q4ByteAt(s, c);
    store<u8>(at, load<u8>(at) | (<u8>((q + 8) << (s & 4))));
  }
  const scale = qq === 0 ? <f32>0 : (bf16(group + (r << 1)) * <f32>wq) / <f32>qq;
  // High nibbles' scales carry the 1/16 (kernels/scalar/matmul_q4.ts).
  store<u16>(block + (s << 1), toBF16(scale / <f32>(1 << (s & 4))));
}

// @ts-ignore: decorator
@inline
function weight(group: usize, r: i32, c: i32): i32 {
  return <i32>load<u8>(group + Q8_HEAD_BYTES + q8ByteAt(r, c)) - 128;
}
