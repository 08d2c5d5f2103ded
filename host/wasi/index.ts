import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { WASI } from "node:wasi";
import { SourceError } from "../../src/errors.ts";
import { isOutOfMemory, outOfMemory } from "../../src/engine/memory.ts";
import { checkOptions, type OptionNames } from "../../src/options.ts";
import { PACKAGE_ROOT } from "../package-root.ts";

/** Path of blockffn.wasi.wasm, the stand-alone WASI preview-1 command: copy it to where Node is not, or hand it to any WASI runtime. */
export const WASI_COMMAND = fileURLToPath(new URL("dist/wasi/blockffn.wasi.wasm", PACKAGE_ROOT));

export interface WasiOptions {
  /** Folders that the command may read: its name for each, and where it is; default: the current folder as ".". */
  readonly folders?: Readonly<Record<string, string>>;
  /** File descriptors of this process; default 0, 1 and 2. */
  readonly stdin?: number;
  readonly stdout?: number;
  readonly stderr?: number;
}

const NAMES = { folders: true, stdin: true, stdout: true, stderr: true } satisfies OptionNames<WasiOptions>;

let compiled: Promise<WebAssembly.Module> | undefined;

async function compile(): Promise<WebAssembly.Module> {
  const bytes = await readFile(WASI_COMMAND).catch((cause: unknown) => {
    throw new SourceError("the WASI command is not built; run `npm run build`", { file: WASI_COMMAND, cause });
  });
  return WebAssembly.compile(bytes).catch((cause: unknown) => {
    throw isOutOfMemory(cause) ? outOfMemory("the WASI command", cause) : cause;
  });
}

/**
 * WASI's calls, each in a function of its own: Node 20 crashes when optimised code calls several instances' calls directly (its
 * fast path; --no-turbo-fast-api-calls cures it too).
 */
function importsOf(wasi: WASI): WebAssembly.Imports {
  const { wasi_snapshot_preview1: calls } = wasi.getImportObject() as {
    wasi_snapshot_preview1: Record<string, (...args: unknown[]) => unknown>;
  };
  return {
    wasi_snapshot_preview1: Object.fromEntries(
      Object.entries(calls).map(([name, call]) => [name, (...args: unknown[]) => call(...args)]),
    ) as WebAssembly.ModuleImports,
  };
}

/**
 * Runs the WASI command on Node's own WASI. It computes on this thread until it ends; programs that want pieces as they come use
 * `blockffn/node`.
 * @param args as on a command line, such as `["--model", "nano.safetensors", "--prompt", "Once"]`
 * @returns exit code: 0 done, 1 failed, 2 wrong usage
 * @throws SourceError when the command is not built, LimitError when there is no memory to compile it
 */
export async function runWasi(args: readonly string[], options: WasiOptions = {}): Promise<number> {
  checkOptions(options, NAMES, "runWasi");
  const { folders = { ".": process.cwd() }, stdin = 0, stdout = 1, stderr = 2 } = options;
  const wasi = new WASI({
    version: "preview1",
    args: ["blockffn", ...args],
    preopens: { ...folders },
    stdin,
    stdout,
    stderr,
    returnOnExit: true,
  });
  compiled ??= compile().catch((error: unknown) => {
    compiled = undefined;
    throw error;
  });
  const instance = await WebAssembly.instantiate(await compiled, importsOf(wasi));
  return wasi.start(instance);
}
