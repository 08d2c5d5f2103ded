// What the probes share: memory for a test, what failed, and an output that it reads.
import { Bytes } from "./bytes";
import { failed, takeFailure } from "./failure";
import { release, reserve } from "./memory";

export const out = new Bytes();

export function reservePages(bytes: f64): usize {
  return reserve(<u64>bytes, "test");
}

export function releasePages(at: usize, bytes: f64): void {
  release(at, <u64>bytes);
}

/** 1 when a failure was pending; its text is then the output. */
export function failure(): bool {
  if (!failed()) return false;
  out.clear();
  out.appendText(takeFailure());
  return true;
}

export function outputAt(): usize {
  return out.at;
}

export function outputLength(): u32 {
  return out.length;
}
