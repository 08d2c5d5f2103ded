import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { nodeHost } from "../../host/node/engine.ts";
import { DEFAULT_MODEL } from "../../host/node/package.ts";
import type { Workers } from "../../src/host.ts";
import { blockffn, fakeIo } from "../helpers/fake-io.ts";
import { root } from "../helpers/test-host.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";
import { runBlockffn as run } from "../../cli/blockffn.ts";
import { MAX_TOKENS, PROMPTS } from "../runtime/prompts.ts";

const model = writeTinyModel(temporaryFolder());

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error("it did not happen");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const ask = (address: string, body: object, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${address}/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

describe("blockffn serve", () => {
  it("serves until it is told to end", async () => {
    const io = fakeIo();
    const ended = run(["serve", "-m", model, "--port", "0", "--name", "tiny"], io);
    await until(() => io.stdout !== "");
    const address = /^blockffn serves at (http:\/\/127\.0\.0\.1:\d+\/v1)\n$/.exec(io.stdout)?.[1] as string;
    expect(await (await fetch(`${address}/models`)).json()).toMatchObject({ data: [{ id: "tiny" }] });
    expect(await (await ask(address, { prompt: "tom", max_tokens: 4, ignore_eos: true })).json()).toMatchObject({
      usage: { prompt_tokens: 5, completion_tokens: 4 },
    });
    io.terminate();
    expect(await ended).toBe(0);
    expect(io.stderr).toMatch(/^GET \/v1\/models 200 in \d+ ms\nPOST \/v1\/completions 200 in \d+ ms, 5 \+ 4 tokens\n/);
    expect(io.stderr).toContain("closing: running requests have 10 s to end");
    await expect(fetch(`${address}/models`)).rejects.toThrow();
  });

  it.each<[string[], string, number, boolean]>([
    [[], "https://example.org", 403, false],
    [[], "http://rebound.example:8080", 403, false],
    [[], "null", 403, false],
    [[], "http://localhost.example.org", 403, false],
    [[], "http://localhost:3000", 200, true],
    [[], "http://127.0.0.1:5173", 200, true],
    [[], "http://[::1]:5173", 200, true],
    [[], "https://app.localhost", 200, true],
    [["--cors", "https://example.org", "https://other.example"], "https://example.org", 200, true],
    [["--cors", "https://example.org", "https://other.example"], "https://other.example", 200, true],
    [["--cors", "https://example.org"], "http://localhost:3000", 200, true],
    [["--cors", "https://example.org"], "https://evil.example", 403, false],
    [["--cors", "*"], "https://any.example", 200, true],
    [["--api-key", "k"], "https://example.org", 200, false],
    [["--api-key", "k", "--cors", "https://example.org"], "https://example.org", 200, true],
    [["--api-key", "k", "--cors", "https://example.org"], "https://evil.example", 403, false],
  ])("%j: a page of %s gets %d; may it read that: %j", async (args, origin, status, readable) => {
    const io = fakeIo();
    const ended = run(["serve", "-m", model, "--port", "0", ...args], io);
    await until(() => io.stdout !== "");
    const address = /http:\S+/.exec(io.stdout)?.[0] as string;
    const response = await ask(address, { prompt: "tom", max_tokens: 1 }, { origin, authorization: "Bearer k" });
    expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([status, readable ? origin : null]);
    if (status === 403)
      expect(await response.json()).toMatchObject({
        error: {
          type: "invalid_request_error",
          code: "origin_not_allowed",
          message: expect.stringContaining(`--cors ${origin}`) as string,
        },
      });
    const preflight = await fetch(`${address}/completions`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type" },
    });
    expect([preflight.status, preflight.headers.get("access-control-allow-headers")]).toEqual(
      readable ? [204, "content-type"] : [403, null],
    );
    io.terminate();
    expect(await ended).toBe(0);
  });

  it("answers to the names of its machine alone, unless it asks for a key or the network may use it", async () => {
    /** As a browser asks that was told that the name has this address. */
    const named = (port: number, host: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        get({ host: "127.0.0.1", port, path: "/v1/models", headers: { host, authorization: "Bearer k" } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        }).on("error", reject);
      });
    for (const [args, status] of [
      [[], 403],
      [["--cors", "*"], 403],
      [["--api-key", "k"], 200],
      [["--host", "0.0.0.0"], 200],
    ] as const) {
      const io = fakeIo();
      const ended = run(["serve", "-m", model, "--port", "0", ...args], io);
      await until(() => io.stdout !== "");
      const port = Number(/:(\d+)\/v1/.exec(io.stdout)?.[1]);
      for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, "localhost", "app.localhost"])
        expect(await named(port, host)).toBe(200);
      for (const host of [`rebound.example:${port}`, "192.168.1.2", "localhost.example.org", "127.0.0.1.example.org"])
        expect(await named(port, host)).toBe(status);
      io.terminate();
      expect(await ended).toBe(0);
    }
  });

  it("ends with 130 at Ctrl-C", async () => {
    const io = fakeIo();
    const ended = run(["serve", "-m", model, "--port", "0"], io);
    await until(() => io.stdout !== "");
    io.interrupt();
    expect(await ended).toBe(130);
  });

  it("logs JSON, and asks for the key in the environment", async () => {
    // As `cat` gives it from a file.
    const io = fakeIo({ env: { BLOCKFFN_API_KEY: "secret\n" } });
    const ended = run(["serve", "-m", model, "--port", "0", "--json"], io);
    await until(() => io.stdout !== "");
    const { event, address } = JSON.parse(io.stdout) as { event: string; address: string };
    expect(event).toBe("listening");
    expect((await ask(address, { prompt: "a", max_tokens: 1 })).status).toBe(401);
    expect((await ask(address, { prompt: "a", max_tokens: 1 }, { authorization: "Bearer secret" })).status).toBe(200);
    io.terminate();
    expect(await ended).toBe(0);
    const lines = io.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(lines.slice(1)).toMatchObject([
      { event: "request", status: 401 },
      { event: "request", status: 200, completionTokens: 1 },
      { event: "closing" },
    ]);
    expect(io.stdout + io.stderr).not.toContain("secret");
  });

  it.each([
    [["--port", "70000"], /--port must be from 0 to 65535/],
    [["--max-concurrency", "0"], /--max-concurrency must be/],
    [["--queue", "-1"], /--queue must be/],
    [["--max-body", "0"], /--max-body must be/],
    [["--api-key", ""], /--api-key is empty/],
    [["--api-key", "a\nb"], /--api-key holds characters that clients cannot send/],
    [["--cors", "app.example"], /--cors "app.example" is no origin: write a site as https:/],
    [["--cors", "https://app.example/x"], /--cors .* is no origin/],
    [["--max-connections", "0"], /--max-connections must be/],
    [["--grace", "-1"], /--grace must be/],
    [["--port", "x"], /whole number/],
    [["--threads", "0"], /--threads must be/],
    [["--threads", "two"], /whole number/],
    [["--tier", "fast"], /Allowed choices are scalar, simd, relaxed/],
    [["--speculate", "maybe"], /Allowed choices are off, ngram/],
    [["--speculate", "model"], /--speculate is model, which needs --draft-model/],
    [["--speculate", "eagle"], /--speculate is eagle, but .* carries no EAGLE head/],
    [["--draft-tokens", "1"], /--draft-tokens must be a whole number from 2 to 64/],
  ])("%j is wrong usage", async (args, message) => {
    const result = await blockffn(["serve", "-m", model, ...args]);
    expect([result.code, result.out]).toEqual([2, ""]);
    expect(result.err).toMatch(message);
  });

  it.each([
    ["--threads", "2"],
    ["--speculate", "off"],
    ["--speculate", "ngram", "--draft-tokens", "4"],
    ["--speculate", "eagle", "--threads", "2"],
    ["--speculate", "model", "--draft-model", DEFAULT_MODEL],
  ])("%s %s %s %s changes no text; log-probabilities can be had all the same", async (...args) => {
    const io = fakeIo();
    const ended = run(["serve", "-m", DEFAULT_MODEL, "--port", "0", "--tier", "simd", ...args.filter((arg) => arg !== undefined)], io);
    await until(() => io.stdout !== "");
    const address = /http:\S+/.exec(io.stdout)?.[0] as string;
    const { prompt, text } = PROMPTS[0] as (typeof PROMPTS)[number];
    for (const more of [{}, { logprobs: 1 }]) {
      expect(await (await ask(address, { prompt, max_tokens: MAX_TOKENS, temperature: 0, ...more })).json()).toMatchObject({
        choices: [{ text }],
      });
    }
    io.terminate();
    expect(await ended).toBe(0);
  });

  it("ends with 1 when a thread of its model has failed: it could not answer any more", async () => {
    let workers: Workers | undefined;
    const { threads } = nodeHost;
    const io = fakeIo({
      host: { ...nodeHost, threads: { cores: 2, start: async (...args) => (workers = await threads!.start(...args)) } },
    });
    const ended = run(["serve", "-m", model, "--port", "0", "--threads", "2"], io);
    await until(() => io.stdout !== "");
    const address = /http:\S+/.exec(io.stdout)?.[0] as string;
    workers?.terminate();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const response = await ask(address, { prompt: "tom", max_tokens: 4 });
    expect([response.status, ((await response.json()) as { error: { type: string } }).error.type]).toEqual([500, "server_error"]);
    expect(await ended).toBe(1);
    expect(io.stderr).toMatch(/a thread of the engine failed \(.*\); load the model again/);
  });

  it("says what to do when the port is taken", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await until(() => taken.listening);
    const { port } = taken.address() as { port: number };
    const result = await blockffn(["serve", "-m", model, "--port", String(port)]);
    expect([result.code, result.out]).toEqual([1, ""]);
    expect(result.err).toBe(
      `blockffn: 127.0.0.1: port ${port} is in use: stop the other program, or choose another port (0 takes any that is free)\n`,
    );
    taken.close();
  });

  it("warns when all the world may use it", async () => {
    const io = fakeIo({ listen: async (_, { hostname }) => ({ hostname, port: 1, close: async () => undefined }) });
    const ended = run(["serve", "-m", model, "--host", "0.0.0.0"], io);
    await until(() => io.stderr !== "");
    expect(io.stderr).toMatch(/anyone who can reach this address may use it; set BLOCKFFN_API_KEY/);
    io.terminate();
    await ended;
  });
});

const main = join(root, "dist/lib/cli.js");
const built = existsSync(main);
if (!built) console.log("skipped: the built server (run npm run build)");

describe.skipIf(!built)("the server's process", () => {
  /** From the start of a process to its first answer. */
  const RESTART_MS = 2000;
  const children: ChildProcess[] = [];
  afterAll(() => children.forEach((child) => child.kill("SIGKILL")));

  async function start(port: number): Promise<{ child: ChildProcess; address: string; ms: number }> {
    const begun = performance.now();
    const child = spawn(process.execPath, [main, "serve", "--model", "nano", "--port", String(port)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    let out = "";
    child.stdout.on("data", (data: Buffer) => (out += data.toString()));
    await until(() => out.includes("\n"));
    const address = /http:\S+/.exec(out)?.[0] as string;
    expect((await ask(address, { prompt: "Once", max_tokens: 1 })).status).toBe(200);
    return { child, address, ms: performance.now() - begun };
  }

  it("killed with -9 and started again, serves at the same port, within 2 s", { timeout: 30_000 }, async () => {
    let first = await start(0);
    const busy = ask(first.address, { prompt: "Once", max_tokens: 1000, ignore_eos: true }).then(
      () => "answered",
      () => "cut off",
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    const dead = new Promise((resolve) => first.child.once("exit", resolve));
    first.child.kill("SIGKILL");
    await dead;
    expect(await busy).toBe("cut off");
    let again = await start(Number(new URL(first.address).port));
    expect(again.address).toBe(first.address);
    // It takes a third of that; a machine that is busy with something else gets another chance.
    if (again.ms > RESTART_MS) {
      first = again;
      const over = new Promise((resolve) => first.child.once("exit", resolve));
      first.child.kill("SIGKILL");
      await over;
      again = await start(Number(new URL(first.address).port));
    }
    expect(again.ms).toBeLessThan(RESTART_MS);
    console.log(`serves ${again.ms.toFixed(0)} ms after the restart`);
  });

  it("ends by itself at SIGTERM, after its last answer", async () => {
    const { child, address } = await start(0);
    const answer = ask(address, { prompt: "Once", max_tokens: 500, ignore_eos: true });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const code = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    expect(await (await answer).json()).toMatchObject({ usage: { completion_tokens: 500 } });
    expect(await code).toBe(0);
  });
});
