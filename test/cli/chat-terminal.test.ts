import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../helpers/test-host.ts";
import { tinyChatFiles } from "../helpers/tiny-chat.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";
import { denoBinary } from "../runtime/packages.ts";

// The real programs at a real terminal, which Python's standard library makes.
const python = spawnSync("python3", ["-c", "import pty"]).status === 0;
const lib = join(root, "dist/lib");
const deno = denoBinary();
const PROGRAMS = [
  ["Node", existsSync(join(lib, "cli.js")) ? [process.execPath, join(lib, "cli.js")] : undefined],
  ["Deno", deno !== undefined && existsSync(join(lib, "deno-cli.js")) ? [deno, "run", "-A", join(lib, "deno-cli.js")] : undefined],
] as const;

const folder = temporaryFolder();
for (const [name, content] of Object.entries(tinyChatFiles({ contextLength: 1 << 17, generation: {} })))
  writeFileSync(join(folder, name), content);

for (const [name, program] of PROGRAMS) {
  const there = python && program !== undefined;
  if (!there) console.log(`skipped: chat at a terminal on ${name} (it needs python3, a build and the runtime)`);

  describe.skipIf(!there)(`chat at a terminal on ${name}`, () => {
    const talk = (
      args: readonly string[],
      steps: readonly (readonly [string | null, string])[],
    ): { screen: string; code: number; left: number } => {
      const terminal = join(import.meta.dirname, "terminal.py");
      const command = [...program!, "chat", "-m", folder, "--tier", "simd", "--ignore-eos", ...args];
      const { stdout, stderr } = spawnSync("python3", [terminal, JSON.stringify(steps), ...command], { encoding: "utf8" });
      expect(stderr).toBe("");
      return JSON.parse(stdout) as { screen: string; code: number; left: number };
    };

    it("shows prompts, and Ctrl-C stops an answer and not the program", () => {
      const { screen, code, left } = talk(
        ["-n", "120000", "--speculate", "off"],
        [
          ["> ", "hi\n"],
          ["\r\n", ""],
          // The answer has begun.
          [null, "\u0003"],
          ["> ", "/stats\n"],
          ["messages", "/reset\n"],
          ["forgotten", "\u0003"],
          ["leaves", "\u0003"],
        ],
      );
      expect({ code, left }).toEqual({ code: 0, left: 0 });
      // It was stopped: otherwise all would have been said.
      expect(Number(/tokens said +([\d,]+)/.exec(screen)?.[1]?.replaceAll(",", ""))).toBeLessThan(120_000);
    });

    it("takes lines that are pasted together, and leaves at the end of input", () => {
      const { screen, code } = talk(
        ["-n", "3"],
        [
          ["> ", '"""one\ntwo"""\n/stats\n'],
          ["tokens said", ""],
          // Only at a prompt is it a key.
          ["> ", "\u0004"],
        ],
      );
      expect(code).toBe(0);
      expect(screen).toMatch(/messages +2\r\n[^]*tokens said +3\r\n/);
    });
  });
}
