import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../../helpers/test-host.ts";
import { temporaryFolder } from "../../helpers/tiny-folder.ts";
import { denoBinary, describeInstalled } from "../installed.ts";
import { expectedTalk, talkModel } from "../talk.ts";

const deno = denoBinary();
const built = existsSync(join(root, "dist/lib/deno.js"));

describeInstalled("chats on Deno", built ? "deno" : "a build", built ? deno : undefined, () => {
  const folder = temporaryFolder();
  const model = join(folder, "tiny.safetensors");
  const run = (
    program: readonly string[],
    input = "",
  ): { readonly status: number | null; readonly stdout: string; readonly stderr: string } => {
    const [command = "", ...args] = program;
    return spawnSync(command, args, { cwd: root, encoding: "utf8", input, env: { ...process.env, NO_COLOR: "1" } });
  };
  const allowed = ["run", "--no-prompt", "--cached-only", `--allow-read=${join(root, "dist")},${folder}`];

  it("say what they say on Node, cut short and overflowing too", async () => {
    writeFileSync(model, await talkModel());
    const { status, stdout, stderr } = run([deno!, ...allowed, "test/runtime/deno/talk.mjs", model]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual(await expectedTalk());
  });

  it("go through a pipe on the command line as on Node's, and are saved", async () => {
    writeFileSync(model, await talkModel());
    const saved = [join(folder, "node.json"), join(folder, "deno.json")] as const;
    const script = (file: string): string => `hi\n"""two\nlines"""\n/system be kind\n/save ${file}\nagain\n`;
    const args = ["chat", "-m", model, "--tier", "simd", "--seed", "3", "-n", "8"];
    const node = run([process.execPath, "dist/lib/cli.js", ...args], script(saved[0]));
    const other = run([deno!, "run", "-A", "--cached-only", "dist/lib/deno-cli.js", ...args], script(saved[1]));
    expect(other).toMatchObject({ status: 0, stdout: node.stdout, stderr: "saved: 5 messages\n" });
    expect(readFileSync(saved[1], "utf8")).toBe(readFileSync(saved[0], "utf8"));
  });
});
