import { WordWriter } from "../../core/descriptor";

/** Writes words into linear memory. */
export class MemoryWriter extends WordWriter {
  u32(address: f64, value: f64): void {
    // By way of 64 bits, which cut as a DataView does: an address beyond 4 GiB is refused when memory is reserved.
    store<u32>(<usize>address, <u32>(<u64>value));
  }

  f32(address: f64, value: f64): void {
    store<f32>(<usize>address, <f32>value);
  }
}
