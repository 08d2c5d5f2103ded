import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe } from "vitest";
import { WASI_COMMAND } from "../../../host/wasi/index.ts";

const installed = join(import.meta.dirname, "installed");

/** How a WASI runtime is started: `folder` is what the command sees as ".". */
interface Runtime {
  readonly name: string;
  readonly tool: string;
  readonly args: (folder: string) => readonly string[];
}

export const RUNTIMES: readonly Runtime[] = [
  { name: "wasmtime", tool: join(installed, "wasmtime"), args: () => ["run", "--dir", ".", WASI_COMMAND, "--"] },
  { name: "wazero", tool: join(installed, "wazero"), args: (folder) => ["run", "-mount", `${folder}:/`, WASI_COMMAND, "--"] },
];

/** Runs the command on a runtime. @returns its stdout @throws Error with what it wrote to stderr */
export function runOn({ tool, args }: Runtime, folder: string, command: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(tool, [...args(folder), ...command], { cwd: folder, timeout: 120_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${error.message}\n${stderr}`));
    });
  });
}

/** `describe` that is skipped, and says so, when a tool is not installed. */
export function describeTool(name: string, tool: string, hint: string, body: () => void): void {
  if (existsSync(tool)) {
    describe(name, body);
    return;
  }
  console.log(`skipped: ${name} (${hint})`);
  describe.skip(name, () => {});
}
