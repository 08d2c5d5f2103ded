import { BlockFFNError } from "../errors.ts";

/** What an engine imports. */
export function engineImports(memory: WebAssembly.Memory): WebAssembly.Imports {
  const abort = (): never => {
    throw new BlockFFNError("the engine aborted; please report this");
  };
  return { env: { memory, abort } };
}
