import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../../helpers/test-host.ts";
import { temporaryFolder, writeTinyModel } from "../../helpers/tiny-folder.ts";
import { denoBinary, describeInstalled } from "../installed.ts";
import { PROMPTS } from "../prompts.ts";
import { commands, readmeExample } from "../readme.ts";

const deno = denoBinary();
const built = existsSync(join(root, "dist/lib/deno.js"));
const engine = join(root, "dist/engine");
const defaultModel = join(root, "models/blockffn-nano.q8.safetensors");
const cli = join(root, "dist/lib/deno-cli.js");
const env = { ...process.env, NO_COLOR: "1" };

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Deno to its end; it may do what `args` allow and asks for nothing. */
function run(args: readonly string[], cwd = root): Ended {
  const { status, stdout, stderr } = spawnSync(deno as string, ["run", "--no-prompt", "--cached-only", ...args], {
    cwd,
    env,
    encoding: "utf8",
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

describeInstalled("Deno", built ? "deno" : "a build", built ? deno : undefined, () => {
  it("gives the same token ids as Node, with leave to read the engine and the model alone", () => {
    const { status, stdout, stderr } = run([`--allow-read=${engine},${defaultModel}`, "test/runtime/deno/prompts.mjs"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const { tier, answers } = JSON.parse(stdout) as { tier: string; answers: unknown };
    expect(tier).toBe("simd");
    expect(answers).toEqual(PROMPTS.map(({ promptTokens, tokens, text }) => ({ promptTokens, tokens, text })));
  });

  it("gives the logits that Node gives, bit for bit (simd), on 1 and 2 threads", () => {
    const folder = temporaryFolder();
    const tokens = Array.from({ length: 100 }, (_, i) => (i * 37 + 11) % 4096).join(",");
    const logits = (program: string, args: readonly string[], threads: number): Buffer => {
      const file = join(folder, "logits.bin");
      rmSync(file, { force: true });
      const ended = spawnSync(
        program,
        [...args, "logits", "--tokens", tokens, "--tier", "simd", "--threads", String(threads), "--out", file],
        { cwd: root, env, encoding: "utf8", timeout: 60_000 },
      );
      expect(ended.status, ended.stderr).toBe(0);
      return readFileSync(file);
    };
    const node = logits(process.execPath, ["dist/lib/cli.js"], 1);
    expect(node.length).toBe(100 * 4096 * 4);
    expect(new Set(new Uint32Array(node.buffer, node.byteOffset, node.length >> 2)).size).toBeGreaterThan(100_000);
    for (const threads of [1, 2])
      expect(logits(deno as string, ["run", "-A", "--cached-only", cli], threads).equals(node), `${threads} threads`).toBe(true);
  });

  it("says which leave it needs", () => {
    const { status, stderr } = run([`--allow-read=${engine}`, "test/runtime/deno/prompts.mjs"]);
    expect(status).toBe(1);
    expect(stderr).toContain(`Deno may not read it: run with --allow-read=${defaultModel}`);
  });

  it("runs the README's examples", async () => {
    const folder = temporaryFolder();
    // An installed package: what is published, and its libraries beside it.
    const installed = join(folder, "node_modules/blockffn");
    mkdirSync(installed, { recursive: true });
    for (const part of ["dist", "models", "package.json"]) cpSync(join(root, part), join(installed, part), { recursive: true });
    for (const library of ["commander", "valibot", "@jax-js"])
      symlinkSync(join(root, "node_modules", library), join(folder, "node_modules", library));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", dependencies: { blockffn: "*" } }));
    writeFileSync(join(folder, "story.ts"), readmeExample("### Deno", "ts"));
    const [story, serve, ...others] = commands("### Deno").map((line) => line.replace(/^deno run /, "").split(" "));
    // The other two make the project where there is no npm; they have a test of their own.
    expect(others).toHaveLength(2);
    const { status, stdout, stderr } = run(story as string[], folder);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain(PROMPTS[0]?.text.slice(0, 40));
    // The README's port may be in use here.
    const args = (serve as string[]).map((arg) => arg.replace(":8080", ":0"));
    const child = spawn(deno as string, ["run", "--no-prompt", "--cached-only", ...args, "--port", "0"], { cwd: folder, env });
    try {
      let said = "";
      child.stderr.on("data", (data: Buffer) => (said += data.toString()));
      const address = await new Promise<string>((resolve, reject) => {
        child.stdout.once("data", (data: Buffer) => resolve(/http:\S+/.exec(data.toString())?.[0] ?? ""));
        child.once("close", () => reject(new Error(said)));
      });
      expect((await fetch(`${address}/models`)).status).toBe(200);
    } finally {
      child.kill("SIGKILL");
    }
  });

  it("runs the README's project that Deno alone makes", () => {
    const folder = temporaryFolder();
    const packed = spawnSync("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], { cwd: root, encoding: "utf8" });
    expect(packed.status, packed.stderr).toBe(0);
    const [, , unpack, install, ...others] = commands("### Deno");
    expect([others, install]).toEqual([[], 'echo "{}" > package.json && deno install npm:commander@14.0.3']);
    expect(spawnSync("bash", ["-c", unpack as string], { cwd: folder, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
    // What Deno would fetch lies here already, in the version that the package asks for.
    const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { dependencies: Record<string, string> };
    expect(dependencies["commander"]).toBe("14.0.3");
    writeFileSync(join(folder, "package.json"), JSON.stringify({ dependencies: { commander: "14.0.3" } }));
    symlinkSync(join(root, "node_modules/commander"), join(folder, "node_modules/commander"));
    writeFileSync(join(folder, "story.ts"), readmeExample("### Deno", "ts"));
    const [story, serve] = commands("### Deno").map((line) => line.replace(/^deno run /, "").split(" "));
    expect(run(story as string[], folder)).toMatchObject({
      status: 0,
      stderr: "",
      stdout: expect.stringContaining(PROMPTS[0]!.text.slice(0, 40)) as string,
    });
    const told = run([...(serve as string[]).slice(0, -1), "generate", "Once upon a time", "-n", "4"], folder);
    expect(told).toMatchObject({ status: 0, stdout: expect.stringMatching(/^, there was/) as string });
  });

  it("loads folders, and says what is wrong with a location", () => {
    const folder = writeTinyModel(temporaryFolder());
    const generate = (model: string): Ended =>
      run([`--allow-read=${root},${folder},/no`, cli, "generate", "tom", "-n", "4", "--ignore-eos", "--json", "-m", model]);
    const { status, stdout } = generate(folder);
    expect(status).toBe(0);
    const node = spawnSync(
      process.execPath,
      [join(root, "dist/lib/cli.js"), "generate", "tom", "-n", "4", "--ignore-eos", "--json", "-m", folder],
      { encoding: "utf8" },
    );
    const tokens = (json: string): unknown => (JSON.parse(json) as { tokens: unknown }).tokens;
    expect(tokens(stdout)).toEqual(tokens(node.stdout));
    for (const [location, message] of [
      ["/no/such", /there is no such file or folder/],
      ["https://example.org/m", /set BLOCKFFN_CACHE/],
      [join(folder, "config.json"), /config.json/],
    ] as const) {
      const failed = generate(location);
      expect(failed.status).toBe(1);
      expect(failed.stderr).toMatch(message);
    }
  });

  it("serves: answers, streams, ends what a client leaves, and ends at SIGTERM", async () => {
    const child = spawn(
      deno as string,
      [
        "run",
        "--no-prompt",
        `--allow-read=${root}`,
        "--allow-net=127.0.0.1:0",
        cli,
        "serve",
        "--model",
        "nano",
        "--port",
        "0",
        "--json",
        "--tier",
        "simd",
      ],
      { env },
    );
    const lines: Record<string, unknown>[] = [];
    let rest = "";
    child.stdout.on("data", (data: Buffer) => {
      const parts = (rest + data.toString()).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts.map((line) => JSON.parse(line) as Record<string, unknown>));
    });
    const exit = new Promise((resolve) => child.once("exit", resolve));
    const until = async (condition: () => boolean): Promise<void> => {
      for (const end = Date.now() + 15_000; !condition(); await new Promise((resolve) => setTimeout(resolve, 10))) {
        if (Date.now() > end) throw new Error(`it did not happen; Deno said ${JSON.stringify(lines)}`);
      }
    };
    try {
      await until(() => lines.length > 0);
      const address = String(lines[0]?.["address"]);
      const ask = (body: object, signal?: AbortSignal): Promise<Response> =>
        fetch(`${address}/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ temperature: 0, ...body }),
          ...(signal === undefined ? {} : { signal }),
        });
      const { prompt, text } = PROMPTS[0] as (typeof PROMPTS)[number];
      expect(await (await ask({ prompt, max_tokens: 48 })).json()).toMatchObject({ choices: [{ text }] });
      expect(await (await ask({ prompt, max_tokens: 48, stream: true })).text()).toMatch(/data: \[DONE\]\n\n$/);
      for (const stream of [true, false]) {
        const before = lines.length;
        const controller = new AbortController();
        // With log-probabilities a thousand tokens take long enough to be left, however fast the machine.
        const left = ask({ prompt, max_tokens: 1000, ignore_eos: true, logprobs: 5, stream }, controller.signal).then((response) =>
          response.text(),
        );
        setTimeout(() => controller.abort(), 60);
        await expect(left).rejects.toThrow();
        // The line of the answer before may come late.
        const ended = (): Record<string, unknown> | undefined => lines.slice(before).find(({ status }) => status === 499);
        await until(() => ended() !== undefined);
        expect(ended()).toMatchObject({ event: "request", status: 499 });
        expect(Number(ended()?.["completionTokens"])).toBeLessThan(1000);
      }
      child.kill("SIGTERM");
      expect(await exit).toBe(0);
      expect(lines.at(-1)).toMatchObject({ event: "closing" });
    } finally {
      child.kill("SIGKILL");
    }
  });

  it("ends at SIGTERM although a request never comes to its end", { timeout: 20_000 }, async () => {
    const child = spawn(
      deno as string,
      [
        "run",
        "--no-prompt",
        `--allow-read=${root}`,
        "--allow-net=127.0.0.1:0",
        cli,
        "serve",
        "--model",
        "nano",
        "--port",
        "0",
        "--grace",
        "1",
      ],
      { env },
    );
    try {
      const port = await new Promise<number>((resolve) =>
        child.stdout.once("data", (data: Buffer) => resolve(Number(/:(\d+)\/v1/.exec(data.toString())?.[1]))),
      );
      const client = connect(port, "127.0.0.1", () =>
        client.write("POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"),
      );
      client.on("error", () => undefined);
      await new Promise((resolve) => setTimeout(resolve, 200));
      const exit = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      expect(await exit).toBe(0);
      client.destroy();
    } finally {
      child.kill("SIGKILL");
    }
  });

  it("says what to do when it may not listen", () => {
    const { status, stderr } = run([`--allow-read=${root}`, cli, "serve", "--model", "nano", "--port", "8097"]);
    expect(status).toBe(1);
    expect(stderr).toContain("run with --allow-net=127.0.0.1:8097");
  });
});
