import { spawnSync } from "node:child_process";
import { describe } from "vitest";
import { root } from "./test-host.ts";

/** The Python that distil/ runs on here: BLOCKFFN_PYTHON or python3. */
const PYTHON = process.env["BLOCKFFN_PYTHON"] ?? "python3";

/** Runs a Python program at the repository's root. @returns what it printed. @throws Error with all of its output when it fails. */
export function python(...args: readonly string[]): string {
  const env = { ...process.env, OMP_NUM_THREADS: "1", CUDA_VISIBLE_DEVICES: "" };
  const { status, stdout, stderr } = spawnSync(PYTHON, args, { cwd: root, encoding: "utf8", env });
  if (status !== 0) throw new Error(`${PYTHON} ${args.join(" ")} ended with ${status}:\n${stdout}\n${stderr}`);
  return stdout;
}

/** `describe` that is skipped, and says so, where Python lacks a module that distil/ needs. */
export function describePython(name: string, modules: readonly string[], body: () => void): void {
  const { status } = spawnSync(PYTHON, ["-c", `import ${modules.join(", ")}`], { encoding: "utf8" });
  if (status !== 0) console.log(`skipped: ${name} (${PYTHON} has not all of ${modules.join(", ")}: see distil/README.md)`);
  (status === 0 ? describe : describe.skip)(name, body);
}
