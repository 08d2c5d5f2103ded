import type { EngineExports } from "./exports.ts";
import { engineImports } from "./imports.ts";

/** What a worker is given: the engine for shared memory, the memory of the model, and its place among the threads, from 1. */
export interface WorkerStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly index: number;
}

/**
 * What a worker thread does, on every runtime: it joins the engine's team, calls `ready`, and works until it is told to stop. It blocks
 * its thread meanwhile. When it fails, so do the calls that wait for it.
 */
export function serve({ module, memory, index }: WorkerStart, ready: () => void): void {
  const exports = new WebAssembly.Instance(module, engineImports(memory)).exports as unknown as EngineExports;
  ready();
  try {
    exports.worker(index);
  } catch (error) {
    exports.fail();
    throw error;
  }
}
