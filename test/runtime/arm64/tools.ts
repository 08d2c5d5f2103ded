import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const installed = join(import.meta.dirname, "installed");
const QEMU = "/usr/bin/qemu-aarch64-static";
const SYSROOT = "/usr/aarch64-linux-gnu";

/** Memory of the smallest Raspberry Pi that is meant, in KiB. */
export const LIMIT_KIB = 512 * 1024;

/** What runs an arm64 program here: nothing on arm64, else qemu, which translates every instruction. */
const emulator: readonly string[] = process.arch === "arm64" ? [] : [QEMU, "-L", SYSROOT];

export const ARM_NODE = join(installed, "node");
export const ARM_WASMTIME = join(installed, "wasmtime");

/** The tool's path; another one that does not exist when it cannot be run here. */
export function runnable(tool: string): string {
  return emulator.every((part) => part === "-L" || existsSync(part)) ? tool : QEMU;
}

/** Runs an arm64 program within the limit. */
export function onArm(tool: string, args: readonly string[], folder: string): Promise<Output> {
  return withinLimit([...emulator, tool, ...args], folder, LIMIT_KIB);
}

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program whose private writable memory (RLIMIT_DATA: heap, WebAssembly memory, caches; not the address space that V8
 * and WebAssembly reserve without using it) is limited, emulator included: beyond it the system refuses memory.
 * @throws Error with what it wrote to stderr
 */
export function withinLimit(command: readonly string[], folder: string, kib: number): Promise<Output> {
  return new Promise((resolve, reject) => {
    execFile(
      "bash",
      ["-c", `ulimit -d ${kib} && exec "$@"`, "bash", ...command],
      { cwd: folder, timeout: 280_000, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        if (error === null) resolve({ stdout, stderr });
        else reject(new Error(`${error.message}\n${stderr}`));
      },
    );
  });
}
