import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { rawClient } from "../../helpers/raw-client.ts";
import { root } from "../../helpers/test-host.ts";
import { denoBinary, describeInstalled } from "../installed.ts";

const deno = denoBinary();
const built = existsSync(join(root, "dist/lib/deno-cli.js"));
/** Long enough to be left. */
const LONG = { prompt: "Once upon a time", max_tokens: 1000, ignore_eos: true, logprobs: 5, temperature: 0 };

describeInstalled("the server on Deno", built ? "deno" : "a build", built ? deno : undefined, () => {
  let child: ChildProcess;
  let said = "";
  let port = 0;
  const lines: Record<string, unknown>[] = [];

  beforeAll(async () => {
    child = spawn(
      deno as string,
      [
        "run",
        "--no-prompt",
        "--cached-only",
        `--allow-read=${root}`,
        "--allow-net=127.0.0.1:0",
        join(root, "dist/lib/deno-cli.js"),
        "serve",
        "--model",
        "nano",
        "--port",
        "0",
        "--json",
        "--tier",
        "simd",
        "--max-connections",
        "100",
        "--queue",
        "100",
      ],
      { env: { ...process.env, NO_COLOR: "1" }, stdio: ["ignore", "pipe", "pipe"] },
    );
    child.stderr?.on("data", (data: Buffer) => (said += data.toString()));
    let rest = "";
    child.stdout?.on("data", (data: Buffer) => {
      const parts = (rest + data.toString()).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts.map((line) => JSON.parse(line) as Record<string, unknown>));
    });
    await until(() => lines.length > 0);
    port = Number(lines[0]?.["port"]);
  });
  afterAll(() => child.kill("SIGKILL"));

  async function until(condition: () => boolean): Promise<void> {
    for (const end = Date.now() + 60_000; !condition(); await new Promise((resolve) => setTimeout(resolve, 10))) {
      if (Date.now() > end) throw new Error(`it did not happen; Deno said ${said}`);
    }
  }
  const post = (body: object, host = `127.0.0.1:${port}`): string => {
    const json = JSON.stringify(body);
    return `POST /v1/completions HTTP/1.1\r\nHost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n${json}`;
  };

  it("ends every request whose client left, whole ones too", async () => {
    const COUNT = 60;
    const before = lines.length;
    const clients = await Promise.all(Array.from({ length: COUNT }, () => rawClient(port, post(LONG))));
    // At different moments: while their body is read, while they wait, while they are computed.
    for (const { socket } of clients) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      socket.destroy();
    }
    await until(() => lines.length - before >= COUNT);
    const statuses = lines.slice(before).map(({ status }) => status);
    // 400: its body broke off.
    expect(statuses.filter((status) => status !== 499 && status !== 400)).toEqual([]);
    const health = (await (await fetch(`http://127.0.0.1:${port}/healthz`)).json()) as unknown;
    expect(health).toEqual({ status: "ok", active: 0, waiting: 0 });
  }, 90_000);

  it("refuses a Host header that is no URL before anything is computed, and answers HTTP/1.0 without one", async () => {
    const completions = (): number => lines.filter(({ path }) => path === "/v1/completions").length;
    const before = completions();
    const broken = await rawClient(
      port,
      post({ ...LONG, max_tokens: 2 }, "a b").replace("HTTP/1.1\r\n", "HTTP/1.1\r\nconnection: close\r\n"),
    );
    await broken.closed;
    expect(broken.heard()).toMatch(/^HTTP\/1\.1 400 [^]*"code":"bad_request"/);
    const old = await rawClient(port, "GET /healthz HTTP/1.0\r\n\r\n");
    await old.closed;
    expect(old.heard()).toMatch(/^HTTP\/1\.[01] 200 /);
    expect(completions()).toBe(before);
  });

  it("closes connections beyond its limit, and says nothing on stderr", async () => {
    const idle = await Promise.all(Array.from({ length: 100 }, () => rawClient(port, "")));
    const more = await Promise.all(Array.from({ length: 20 }, () => rawClient(port, "")));
    await Promise.all(more.slice(-10).map(({ closed }) => closed));
    for (const { socket } of [...idle, ...more]) socket.destroy();
    expect(said).toBe("");
  });

  it("disconnects clients whose headers or body do not come to their end, however often they send a piece", async () => {
    const server = spawn(
      deno as string,
      ["run", "--no-prompt", "--cached-only", `--allow-read=${root}`, "--allow-net=127.0.0.1:0", "test/runtime/deno/listen.mjs"],
      { cwd: root, stdio: ["ignore", "pipe", "inherit"] },
    );
    try {
      let out = "";
      server.stdout.on("data", (data: Buffer) => (out += data.toString()));
      await until(() => out.startsWith("port "));
      const impatient = Number(/\d+/.exec(out)?.[0]);
      const headers = await rawClient(impatient, "GET / HTTP/1.1\r\nHost: a\r\n");
      headers.trickle((n) => `x${n}: y\r\n`, 20);
      const body = await rawClient(impatient, "POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 100000\r\n\r\n");
      body.trickle(() => "x", 20);
      await Promise.all([headers.closed, body.closed]);
      await until(() => out.includes("cut off"));
    } finally {
      server.kill("SIGKILL");
    }
  });
});
