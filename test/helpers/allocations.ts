/** Buffers asked for while `run` ran, in bytes: the largest one, and all together (freed or not). */
export interface Allocations {
  largest: number;
  total: number;
}

const KINDS = [
  "ArrayBuffer",
  "SharedArrayBuffer",
  "Uint8Array",
  "Uint16Array",
  "Uint32Array",
  "Int32Array",
  "Float32Array",
  "Float64Array",
] as const;

/**
 * Runs with the constructors of buffers and typed arrays replaced by ones that count, before they allocate, what is asked for
 * by number. Not reentrant.
 */
export async function countAllocations(run: () => Promise<void>): Promise<Allocations> {
  const seen: Allocations = { largest: 0, total: 0 };
  const globals = globalThis as unknown as Record<string, unknown>;
  const originals = KINDS.map((kind) => [kind, globals[kind]] as const);
  for (const [kind, original] of originals) {
    const itemSize = (original as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
    globals[kind] = new Proxy(original as new (...args: unknown[]) => object, {
      construct(target, args, newTarget) {
        if (typeof args[0] === "number") {
          seen.largest = Math.max(seen.largest, args[0] * itemSize);
          seen.total += args[0] * itemSize;
        }
        return Reflect.construct(target, args, newTarget as new () => object) as object;
      },
    });
  }
  try {
    await run();
  } finally {
    for (const [kind, original] of originals) globals[kind] = original;
  }
  return seen;
}
