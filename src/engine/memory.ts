import { LimitError } from "../errors.ts";

const PAGE = 65536;
/** wasm32 addresses 4 GiB. */
const MAX_PAGES = 65536;
/** The last page stays out: the address past a buffer's end would be 0 there, and a loop up to it would not run. */
const USABLE_PAGES = MAX_PAGES - 1;

/** Linear memory for an engine of so many threads: more than one share it. */
export function newMemory(threads: number): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES, shared: threads > 1 });
}

/**
 * Grows memory so that addresses below `end` exist.
 * @param what needs it, and `file`, the model, for errors
 * @throws LimitError beyond 4 GiB, or when the runtime refuses.
 */
export function growMemory(memory: WebAssembly.Memory, end: number, what: string, file: string): void {
  const have = memory.buffer.byteLength;
  if (end <= have) return;
  const pages = Math.ceil(end / PAGE);
  if (pages > USABLE_PAGES) {
    throw new LimitError(`${what} would need ${end} bytes of WebAssembly memory; wasm32 has 4 GiB. Use a smaller model, a lower quantisation or a shorter context`, { file, field: what, limit: USABLE_PAGES * PAGE });
  }
  try {
    memory.grow(pages - have / PAGE);
  } catch (cause) {
    throw new LimitError(`the runtime refused ${end} bytes of memory for ${what}; free memory or use a smaller model or context`, { file, field: what, limit: end, cause });
  }
}
