import { MemoryError } from "../errors.ts";
import type { MemoryOptions } from "../host.ts";

const PAGE = 65536;
/** wasm32 addresses 4 GiB. */
const MAX_PAGES = 65536;
/** The last page stays out: the address past a buffer's end would be 0 there, and a loop up to it would not run. */
const USABLE_PAGES = MAX_PAGES - 1;

/** What it means that a runtime has no memory, or no addresses, for what is always needed. */
export function outOfMemory(what: string, cause: unknown): MemoryError {
  return new MemoryError(
    "the runtime gives no memory for WebAssembly; raise the limit on this process's address space (ulimit -v, a container's " +
      "memory), or load fewer models",
    { field: what, cause },
  );
}

/** Whether a runtime's error says so: there is no type for it, and each way to allocate words it anew. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && /out of memory|(could not|cannot) allocate|allocation failed/i.test(error.message);
}

/** Pages that memories may have. */
const maxima = new WeakMap<WebAssembly.Memory, number>();
/** Memories that grow whenever they may. */
const restless = new WeakSet<WebAssembly.Memory>();

/** Linear memory for an engine of so many threads: more than one share it. @throws MemoryError where the runtime gives none. */
export function newMemory(threads: number, options: MemoryOptions = {}): WebAssembly.Memory {
  const maximum = Math.min(options.maximumPages ?? MAX_PAGES, MAX_PAGES);
  try {
    const memory = new WebAssembly.Memory({ initial: 1, maximum, shared: threads > 1 });
    if (options.restless === true) restless.add(memory);
    maxima.set(memory, maximum);
    return memory;
  } catch (cause) {
    throw outOfMemory("memory", cause);
  }
}

/**
 * Grows memory so that addresses below `end` exist. Views of it die then, those of memory that threads share excepted: whoever may call
 * this says so, and its callers hold none meanwhile.
 * @param what needs it, and `file`, the model, for errors
 * @throws MemoryError beyond 4 GiB or the memory's own maximum, or when the runtime refuses: memory is then as it was.
 */
export function growMemory(memory: WebAssembly.Memory, end: number, what: string, file: string): void {
  const pages = Math.ceil(end / PAGE);
  const more = pages - memory.buffer.byteLength / PAGE;
  if (more <= 0) {
    if (restless.has(memory)) move(memory);
    return;
  }
  if (pages > USABLE_PAGES) {
    throw new MemoryError(
      `${what} would need ${end} bytes of WebAssembly memory; wasm32 has 4 GiB. Use a smaller model, a lower quantisation or ` +
        `a shorter context`,
      { file, field: what, limit: USABLE_PAGES * PAGE },
    );
  }
  try {
    memory.grow(more);
  } catch (cause) {
    throw new MemoryError(`the runtime refused ${end} bytes of memory for ${what}; free memory or use a smaller model or context`, {
      file,
      field: what,
      limit: end,
      cause,
    });
  }
}

/** Most bytes that a memory can ever have. */
export function mostBytes(memory: WebAssembly.Memory): number {
  return PAGE * Math.min(maxima.get(memory) ?? MAX_PAGES, USABLE_PAGES);
}

/** Grows by a page that nobody needs, where there is one. */
function move(memory: WebAssembly.Memory): void {
  try {
    memory.grow(1);
  } catch {
    // At its end it has to stay where it is.
  }
}
