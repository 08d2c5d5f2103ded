import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  bundle,
  exampleProject,
  heapMegabytes,
  MODEL_ASSETS,
  peakMegabytes,
  startWorkerd,
  streamChat,
  workerdInstalled,
  workerdProcesses,
  WRANGLER,
  WRANGLER_ENV,
} from "./start.ts";
import { describeInstalled } from "../installed.ts";
import { root } from "../../helpers/test-host.ts";
import { MAX_TOKENS, PROMPTS } from "../prompts.ts";
import { commands, readmeExample } from "../readme.ts";

const LIMIT_MB = 128;
const EMPTY = new Map([
  [
    "index.js",
    `export default { fetch: async (request, env) => { await (await env.ASSETS.fetch("https://assets.local/none")).text(); return new Response("{}"); } };`,
  ],
]);
const installed = workerdInstalled() ? "yes" : undefined;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describeInstalled("examples/workers, as it is, by wrangler dev", "wrangler", installed, () => {
  const project = installed === undefined ? undefined : exampleProject();
  let wrangler: ChildProcess;
  let origin: string;

  beforeAll(async () => {
    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    const options = [
      "dev",
      "--ip",
      "127.0.0.1",
      "--port",
      String(port),
      "--inspector-port",
      String(await freePort()),
      "--show-interactive-dev-session=false",
    ];
    wrangler = spawn(process.execPath, [WRANGLER, ...options], {
      cwd: project?.folder,
      env: WRANGLER_ENV,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let log = "";
    await new Promise<void>((resolve, reject) => {
      const read = (data: Buffer): void => {
        log += data.toString();
        if (log.includes("Ready on")) resolve();
      };
      wrangler.stdout?.on("data", read);
      wrangler.stderr?.on("data", read);
      wrangler.once("exit", () => reject(new Error(log)));
    });
  }, 60_000);
  afterAll(() => {
    // Its own group: workerd runs below it.
    if (wrangler?.pid !== undefined) process.kill(-wrangler.pid, "SIGKILL");
    project?.remove();
  });

  const complete = async (
    body: object,
  ): Promise<{ status: number; body: { choices: { text: string }[]; error?: { code: string; param: string } } }> => {
    const response = await fetch(`${origin}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as never };
  };

  it("streams a chat completion", async () => {
    const { text, firstMs } = await streamChat(origin, "Once upon a time", 32);
    expect(text.length).toBeGreaterThan(60);
    expect(firstMs).toBeGreaterThan(0);
  });

  it("gives the texts of the ten prompts, several at once", async () => {
    const answers = await Promise.all(
      PROMPTS.map(({ promptTokens }) => complete({ prompt: promptTokens, max_tokens: MAX_TOKENS, temperature: 0 })),
    );
    expect(answers.map(({ body }) => body.choices[0]?.text)).toEqual(PROMPTS.map(({ text }) => text));
  });

  it("is the README's example, which answers the README's request", async () => {
    expect(readmeExample("### Cloudflare Workers", "js")).toBe(readFileSync(join(root, "examples/workers/src/index.js"), "utf8"));
    const [start, curl, ...others] = commands("### Cloudflare Workers");
    // That project is installed and runs already, on a port that is free here.
    expect([start, others]).toEqual(["cd examples/workers && npm install && npx wrangler dev", []]);
    expect(curl).toMatch(/^curl http:\/\/localhost:8787\//);
    const { status, stdout } = spawnSync("bash", ["-c", (curl as string).replace("http://localhost:8787", origin)], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^data: \{.*data: \[DONE\]\n\n$/s) as string });
  });

  it("answers like the server elsewhere: models, health, metrics, errors", async () => {
    const models = (await (await fetch(`${origin}/v1/models`)).json()) as { data: { id: string }[] };
    expect(models.data.map(({ id }) => id)).toEqual(["blockffn-nano.q8"]);
    expect((await fetch(`${origin}/healthz`)).status).toBe(200);
    expect(await (await fetch(`${origin}/metrics`)).text()).toMatch(/# TYPE/);
    expect(await complete({ prompt: "a", max_tokens: 100_000 })).toMatchObject({ status: 400, body: { error: { param: "max_tokens" } } });
    expect((await fetch(`${origin}/blockffn-nano.q8.safetensors`)).status).toBe(404);
  });
});

describeInstalled("examples/workers in a workerd of its own", "workerd", installed, () => {
  it("uploads less than 170 KB gzip, and needs less than 128 MB", async () => {
    const project = exampleProject();
    const before = new Set(workerdProcesses());
    const files = await bundle(project.folder);
    project.remove();
    const size = [...files.values()].reduce((sum, bytes) => sum + gzipSync(bytes, { level: 9 }).length, 0);
    expect([...files.keys()].filter((name) => name.endsWith(".wasm"))).toHaveLength(1);
    expect(size).toBeLessThan(170_000);
    // Workers have no threads: nothing that starts them is uploaded.
    expect(String(files.get("index.js"))).not.toMatch(/worker_threads|did not begin within|new Worker\(/);

    const start = async (script: ReadonlyMap<string, string | Uint8Array>, use: (origin: string) => Promise<void>) => {
      const worker = startWorkerd(script, { ...MODEL_ASSETS, inspectorPort: 0 });
      await use((await worker.ready).href);
      const pid = workerdProcesses().find((candidate) => !before.has(candidate)) as number;
      const peak = peakMegabytes(pid);
      const heap = await heapMegabytes(worker);
      await worker.dispose();
      return { peak, heap };
    };
    const empty = await start(EMPTY, async (origin) => void (await (await fetch(origin)).text()));
    const texts: string[] = [];
    const full = await start(files, async (origin) => {
      // More at once than run at once: each has its KV cache.
      const answers = await Promise.all(PROMPTS.slice(0, 6).map(() => streamChat(origin, "Once upon a time", 256)));
      texts.push(...answers.map(({ text }) => text));
    });
    expect(new Set(texts).size).toBe(1);
    const peak = full.peak - empty.peak;
    console.log(
      `workerd: peak ${full.peak.toFixed(1)} MB, ${peak.toFixed(1)} MB more than with an empty Worker; V8 heap ${full.heap.used.toFixed(1)} MB; bundle ${size} bytes gzip`,
    );
    expect(peak).toBeGreaterThan(9.7);
    expect(peak).toBeLessThan(LIMIT_MB);
  });

  // Far below `stallMs` for each slot: a client that leaves must not be taken for one that reads slowly.
  it("gives the slots of clients that leave to others at once", { timeout: 9_000 }, async () => {
    const project = exampleProject();
    const worker = startWorkerd(await bundle(project.folder), MODEL_ASSETS);
    project.remove();
    const origin = (await worker.ready).origin;
    const leave = (body: object): Promise<void> =>
      new Promise((resolve) => {
        const asked = request(
          `${origin}/v1/completions`,
          { method: "POST", headers: { "content-type": "application/json" } },
          (response) => {
            response.once("data", () => {
              asked.destroy();
              resolve();
            });
          },
        );
        asked.on("error", () => undefined);
        asked.end(JSON.stringify(body));
      });
    for (let i = 0; i < 8; i++) await leave({ prompt: "Once", max_tokens: 500, stream: true });
    expect((await streamChat(origin, "Once upon a time", 4)).text).not.toBe("");
    await worker.dispose();
  });
});
