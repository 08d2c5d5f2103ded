/** The memory of the model that was disposed last. */
let spare: WeakRef<WebAssembly.Memory> | undefined;

/** A model takes a spare memory of up to twice the size that it needs, and this for the caches of the model before. */
const CACHE_ALLOWANCE = 32 * 2 ** 20;

/**
 * Keeps a memory that its model no longer needs for the next model to load: its pages are mapped already, and having the system map
 * fresh ones takes several times as long as reading a file into them. It is held weakly, so the garbage collector frees it as if
 * nobody kept it. All views of it die here; nobody may use it afterwards.
 */
export function giveSpare(memory: WebAssembly.Memory): void {
  // Shared memory is not detached by growing, and its threads may still look at it.
  if (typeof WeakRef === "undefined" || !(memory.buffer instanceof ArrayBuffer)) return;
  memory.grow(0);
  spare = new WeakRef(memory);
}

/** The spare memory, if it is still there and not far larger than `bytes`. It holds whatever its model left. */
export function takeSpare(bytes: number): WebAssembly.Memory | undefined {
  const memory = spare?.deref();
  if (memory === undefined || memory.buffer.byteLength > 2 * bytes + CACHE_ALLOWANCE) return undefined;
  spare = undefined;
  return memory;
}
