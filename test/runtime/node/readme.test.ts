import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { root } from "../../helpers/test-host.ts";
import { temporaryFolder } from "../../helpers/tiny-folder.ts";
import { PROMPTS } from "../prompts.ts";
import { commands, readmeExample } from "../readme.ts";

const built = existsSync(join(root, "dist/lib/node.js"));
if (!built) console.log("skipped: the README's examples (run npm run build)");

describe.skipIf(!built)("the README's examples on Node", () => {
  const children: ChildProcess[] = [];
  afterAll(() => children.forEach((child) => child.kill("SIGKILL")));

  function project(): string {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "node_modules/blockffn"), { recursive: true });
    for (const part of ["dist", "models", "package.json"])
      cpSync(join(root, part), join(folder, "node_modules/blockffn", part), { recursive: true });
    return folder;
  }

  it("the library", () => {
    const folder = project();
    writeFileSync(join(folder, "story.mjs"), readmeExample("### Node", "js"));
    const [line, ...others] = commands("### Node");
    expect([line, others]).toEqual([expect.stringMatching(/^node /), []]);
    const { status, stdout, stderr } = spawnSync(process.execPath, (line as string).split(" ").slice(1), { cwd: folder, encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain(PROMPTS[0]?.text.slice(0, 40));
  });

  it("the server, asked with curl", async () => {
    const [line, curl, ...others] = commands("## Server");
    expect([line, curl, others]).toEqual([expect.stringMatching(/^blockffn serve/), expect.stringMatching(/^curl /), []]);
    const serve = (line as string).split(" ").slice(1);
    // The README's port may be in use here, and the ids of prompts.json are those of `simd`: everything else is as it stands.
    const child = spawn(process.execPath, [join(root, "dist/lib/cli.js"), ...serve, "--port", "0", "--tier", "simd"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    children.push(child);
    const address = await new Promise<string>((resolve) =>
      child.stdout.on("data", (data: Buffer) => resolve(/http:\S+/.exec(data.toString())?.[0] ?? "")),
    );
    const { status, stdout } = spawnSync("bash", ["-c", (curl as string).replace("http://127.0.0.1:8080/v1", address)], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(status).toBe(0);
    // Which model it is depends on what is installed.
    expect(JSON.parse(stdout)).toMatchObject({
      object: "chat.completion",
      choices: [{ message: { role: "assistant", content: expect.stringMatching(/\w/) as string } }],
    });
  });
});
