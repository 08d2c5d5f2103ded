import { spawn, spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../helpers/test-host.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";
import { blocks, commands, section } from "./readme.ts";

/**
 * Every host of the README's table, the code blocks of its section (language and, for commands, how many lines), and the test that runs
 * them. Who edits the README edits this too: nothing there may go unrun.
 */
const HOSTS: Readonly<Record<string, { readonly blocks: readonly string[]; readonly test: string }>> = {
  Node: { blocks: ["js", "sh 1"], test: "node/readme.test.ts" },
  WASI: { blocks: ["sh 3", "js"], test: "wasi/readme.test.ts" },
  Component: { blocks: ["js"], test: "component/component.test.ts" },
  "Raspberry Pi": { blocks: ["sh 2", "sh 3"], test: "readme.test.ts" },
  Deno: { blocks: ["ts", "sh 1", "sh 1", "sh 2"], test: "deno/deno.test.ts" },
  Browser: { blocks: ["html", "sh 1"], test: "browser/host.test.ts" },
  "Cloudflare Workers": { blocks: ["js", "sh 2"], test: "workerd/example.test.ts" },
};

describe("the README's hosts", () => {
  const hosts = section("## Hosts");

  it("have each a row, a section, and a test that runs all its examples", () => {
    const rows = Array.from(hosts.matchAll(/^\| \[([^\]]+)\]\(#([^)]+)\)/gm), ([, name, anchor]) => [name, anchor]);
    expect(rows.map(([name]) => name).sort()).toEqual(Object.keys(HOSTS).sort());
    for (const [name, anchor] of rows) expect(anchor).toBe((name as string).toLowerCase().replaceAll(" ", "-"));
    // No row without a link.
    expect(hosts.match(/^\| /gm)).toHaveLength(rows.length + 1);
    expect(Array.from(hosts.matchAll(/^### (.*)$/gm), ([, name]) => name).sort()).toEqual(Object.keys(HOSTS).sort());
  });

  it.each(Object.entries(HOSTS))("%s: its code blocks are those that the test knows", (name, { blocks: known, test }) => {
    const heading = `### ${name}`;
    const found = blocks(section(heading)).map(({ language, text }) =>
      language === "sh" ? `sh ${text.replaceAll("\\\n", " ").trimEnd().split("\n").length}` : language,
    );
    expect(found).toEqual(known);
    const source = readFileSync(join(import.meta.dirname, test), "utf8");
    for (const language of new Set(known.map((block) => block.split(" ")[0] as string))) {
      // The page's command is run below; its page in Chromium.
      if (name === "Browser" && language === "sh") continue;
      expect(source).toContain(language === "sh" ? `commands("${heading}")` : `readmeExample("${heading}", "${language}")`);
    }
  });
});

const built = existsSync(join(root, "dist/lib/cli.js"));
if (!built) console.log("skipped: the README's commands (run npm run build)");

describe.skipIf(!built)("the README's command for the example page", () => {
  it("serves it, isolated so that it may have threads", async () => {
    const [line, ...others] = commands("### Browser");
    expect([line, others]).toEqual([expect.stringMatching(/^npm run example:browser +# http:\/\/127\.0\.0\.1:8080\/$/), []]);
    const child = spawn("bash", ["-c", `exec ${(line as string).replace(/ *#.*/, "")} -- --port 0`], {
      cwd: root,
      detached: true,
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      let out = "";
      const address = await new Promise<string>((resolve, reject) => {
        child.stdout.on("data", (data: Buffer) => {
          out += data.toString();
          const found = /http:\/\/\S+/.exec(out)?.[0];
          if (found !== undefined) resolve(found);
        });
        child.once("exit", () => reject(new Error(out)));
      });
      const page = await fetch(address);
      expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("<title>blockffn")]);
      for (const path of ["", "dist/browser/worker.js", "dist/browser/thread.js", "dist/browser/engine.simd.threads.wasm"]) {
        const { status, headers } = await fetch(address + path);
        expect([status, headers.get("cross-origin-opener-policy"), headers.get("cross-origin-embedder-policy")]).toEqual([
          200,
          "same-origin",
          "require-corp",
        ]);
      }
    } finally {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    }
  });
});

describe.skipIf(!built)("the README's commands in a clone and in a folder of one's own", () => {
  it("npx blockffn is the command of the clone", { timeout: 60_000 }, () => {
    const { status, stdout } = spawnSync("npx", ["--no", "blockffn", "--version"], { cwd: root, encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string });
  });

  it("the installation's commands name the file that npm pack makes", () => {
    const lines = blocks(section("## Install")).flatMap(({ text }) => text.trimEnd().split("\n"));
    const { filename } = (
      JSON.parse(spawnSync("npm", ["pack", "--ignore-scripts", "--dry-run", "--json"], { cwd: root, encoding: "utf8" }).stdout) as [
        { filename: string },
      ]
    )[0];
    expect(lines).toEqual([
      expect.stringContaining(`npm ci && npm pack --ignore-scripts`),
      expect.stringMatching(new RegExp(`^npm install \\S*/${filename} `)),
      expect.stringMatching(/^npx blockffn generate /),
    ]);
    expect(lines[0]).toContain(`: ${filename}`);
  });

  it("the training's commands train a model from nothing, fewer texts and steps", () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "bin"));
    writeFileSync(
      join(folder, "bin/blockffn"),
      `#!/bin/sh\nexec ${JSON.stringify(process.execPath)} ${JSON.stringify(join(root, "dist/lib/cli.js"))} "$@"\n`,
    );
    chmodSync(join(folder, "bin/blockffn"), 0o755);
    const [json] = blocks(section("## Training")).filter(({ language }) => language === "json");
    const config = JSON.parse(json!.text) as { schedule: { steps: number; warmup: number } };
    expect(config.schedule.steps).toBe(300);
    writeFileSync(join(folder, "train.json"), JSON.stringify({ ...config, schedule: { steps: 3, warmup: 1 } }));
    const env = { ...process.env, PATH: [join(folder, "bin"), process.env["PATH"] ?? ""].join(delimiter) };
    const lines = commands("## Training");
    expect(lines).toHaveLength(4);
    expect(lines[0]).toContain("seq 300");
    for (const line of lines) {
      const { status, stderr } = spawnSync("bash", ["-c", line.replace("seq 300", "seq 20")], { cwd: folder, env, encoding: "utf8" });
      expect(status, `${line}: ${stderr}`).toBe(0);
    }
    expect(existsSync(join(folder, "run/model/model.safetensors"))).toBe(true);
  });
});

/** Shell words that stand before the commands of a Raspberry Pi: what cannot be done here is done in a folder. */
const SUDO = `#!/bin/sh\nexec "$@"\n`;
/** `npm ci` was done for these tests; `npm install --global FILE` takes dependencies from here, not from a registry. The rest is npm. */
const NPM = (npm: string, prefix: string): string => `#!/bin/bash
if [ "$1" = ci ]; then exit 0; fi
if [ "$1 $2" != "install --global" ]; then exec ${JSON.stringify(npm)} "$@"; fi
set -e
mkdir -p "${prefix}/lib/node_modules" "${prefix}/bin"
tar -xzf "$3" -C "${prefix}/lib/node_modules"
mv "${prefix}/lib/node_modules/package" "${prefix}/lib/node_modules/blockffn"
ln -s "${join(root, "node_modules")}" "${prefix}/lib/node_modules/blockffn/node_modules"
ln -s ../lib/node_modules/blockffn/dist/lib/cli.js "${prefix}/bin/blockffn"
chmod +x "${prefix}/lib/node_modules/blockffn/dist/lib/cli.js"
`;

describe.skipIf(!built || process.platform !== "linux")("the README's commands for a Raspberry Pi", () => {
  const folder = temporaryFolder();
  const prefix = join(folder, "usr");
  const clone = join(folder, "clone");
  const path = [join(folder, "bin"), join(prefix, "bin"), process.env["PATH"] ?? ""].join(delimiter);
  const env = { ...process.env, PATH: path };
  const [install, generate, copy, enable, curl, ...others] = commands("### Raspberry Pi");
  let unit = "";

  beforeAll(() => {
    const npm = spawnSync("bash", ["-c", "command -v npm"], { encoding: "utf8" }).stdout.trim();
    mkdirSync(join(folder, "bin"));
    for (const [name, script] of [
      ["sudo", SUDO],
      ["npm", NPM(npm, prefix)],
    ] as const) {
      writeFileSync(join(folder, "bin", name), script);
      chmodSync(join(folder, "bin", name), 0o755);
    }
    // A clone after `npm ci`.
    mkdirSync(clone);
    for (const name of readdirSync(root))
      if (!/^(node_modules|\.git|test|runs)$/.test(name)) cpSync(join(root, name), join(clone, name), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));
  });
  const children: (() => void)[] = [];
  afterAll(() => children.forEach((end) => end()));

  it("install it for everybody, and write a story", { timeout: 60_000 }, () => {
    expect(others).toEqual([]);
    const installed = spawnSync("bash", ["-c", install as string], { cwd: clone, env, encoding: "utf8" });
    expect([installed.status, installed.error]).toEqual([0, undefined]);
    const { status, stdout } = spawnSync("bash", ["-c", generate as string], { cwd: folder, env, encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^, there was a little/) as string });
  });

  it("copy a unit that systemd understands", () => {
    const [, source = "", target = ""] = /^sudo cp (\S+) (\/etc\/systemd\/system\/)$/.exec(copy as string) ?? [];
    expect([target, enable]).toEqual(["/etc/systemd/system/", "sudo systemctl enable --now blockffn"]);
    unit = join(root, source);
    expect(unit.endsWith("/blockffn.service")).toBe(true);
    const sections: Record<string, string[]> = {};
    let name = "";
    for (const line of readFileSync(unit, "utf8")
      .split("\n")
      .filter((text) => text !== "" && !text.startsWith("#"))) {
      const heading = /^\[(\w+)\]$/.exec(line)?.[1];
      if (heading !== undefined) name = heading;
      else (sections[name] ??= []).push(/^(\w+)=/.exec(line)?.[1] ?? line);
    }
    expect(Object.keys(sections)).toEqual(["Unit", "Service", "Install"]);
    expect(sections["Service"]).toEqual(expect.arrayContaining(["ExecStart", "Restart", "DynamicUser", "MemoryMax"]));
    const verify = spawnSync("systemd-analyze", ["verify", unit], { encoding: "utf8" });
    if (verify.error === undefined)
      expect({ status: verify.status, about: verify.stderr.split("\n").filter((line) => line.includes("blockffn.service")) }).toEqual({
        status: 0,
        about: [],
      });
    else console.log("skipped: systemd-analyze verify (systemd is not installed)");
  });

  it(
    "whose service answers the README's request, within its memory, with a key where there is one, and ends when it is told to",
    { timeout: 60_000 },
    async () => {
      const text = readFileSync(unit, "utf8");
      const start = /^ExecStart=(.*)$/m.exec(text)?.[1] as string;
      const limit = Number(/^MemoryMax=(\d+)M$/m.exec(text)?.[1]) * 1024;
      expect(start).toMatch(/ --port 8080$/);
      const serve = async (more: Record<string, string>) => {
        // The unit's port may be in use here.
        const child = spawn("bash", ["-c", `exec ${start.replace("8080", "0")}`], {
          cwd: "/",
          env: { PATH: path, ...more },
          stdio: ["ignore", "pipe", "ignore"],
        });
        children.push(() => child.kill("SIGKILL"));
        const address = await new Promise<string>((resolve, reject) => {
          child.stdout.once("data", (data: Buffer) => resolve((/http:\/\/[^/\s]+/.exec(data.toString()) ?? [""])[0]));
          child.once("exit", () => reject(new Error("it ended")));
        });
        return {
          child,
          ask: () =>
            spawnSync("bash", ["-c", (curl as string).replace("http://127.0.0.1:8080", address)], { encoding: "utf8", timeout: 20_000 })
              .stdout,
        };
      };
      const { child, ask } = await serve({});
      expect(JSON.parse(ask())).toMatchObject({
        choices: [{ text: expect.stringMatching(/^, there was a little/) as string }],
        usage: { completion_tokens: 48 },
      });
      const peak = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]);
      expect(peak).toBeGreaterThan(0);
      expect(peak).toBeLessThan(limit);
      const code = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      expect(await code).toBe(0);
      const locked = await serve({ BLOCKFFN_API_KEY: "secret" });
      expect(JSON.parse(locked.ask())).toMatchObject({ error: { type: "authentication_error" } });
    },
  );
});
