import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";
import { MODEL_ASSETS, startWorkerd, workerdInstalled, type Miniflare } from "./start.ts";
import { root } from "../../helpers/test-host.ts";
import { describeInstalled } from "../installed.ts";
import { MAX_TOKENS, PROMPTS } from "../prompts.ts";

const MODEL = "blockffn-nano.q8.safetensors";
/** Loads from where the path says, and answers with the ids of the ten prompts, or with the error. */
const SCRIPT = `
import { fromAssets, fromKv, fromR2, loadModel, serveWorker, BlockFFNError } from "${join(root, "dist/lib/workers.js")}";
let loads = 0;
const shared = serveWorker(async (env) => {
  loads++;
  if (loads === 1) throw new Error("first");
  const model = await loadModel(fromR2(env.R2, "model"));
  return { fetch: async () => Response.json({ text: (await model.generate("Tom", { maxTokens: 4 }).result()).text, loads }) };
});
const sources = {
  r2: (env, name) => fromR2(env.R2, name), kv: (env, name) => fromKv(env.KV, name), assets: (env, name) => fromAssets(env.ASSETS, "/" + name), url: (env, name) => name,
};
export default { async fetch(request, env, context) {
  const url = new URL(request.url);
  try {
    if (url.pathname === "/shared") return await shared(request, env, context);
    const { prompts, maxTokens } = await request.json();
    const model = await loadModel(sources[url.pathname.slice(1)](env, url.searchParams.get("name")));
    const tokens = [];
    for (const prompt of prompts) tokens.push((await model.generate(prompt, { maxTokens }).result()).tokens);
    model.dispose();
    return Response.json({ tokens });
  } catch (error) {
    return Response.json({ error: { name: error.name, ours: error instanceof BlockFFNError, message: error.message, file: error.file } });
  }
} };`;

describeInstalled("blockffn/workers in workerd", "workerd", workerdInstalled() ? "yes" : undefined, () => {
  let worker: Miniflare;
  let origin: URL;
  const bytes = readFileSync(join(root, "models", MODEL));
  const site = createServer((request, response) => {
    if (request.url === `/${MODEL}`) response.writeHead(200, { "content-length": bytes.length }).end(bytes);
    else response.writeHead(404).end();
  });

  beforeAll(async () => {
    await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
    const { outputFiles } = await build({
      stdin: { contents: SCRIPT, resolveDir: root, sourcefile: "index.js" },
      bundle: true,
      format: "esm",
      write: false,
      external: ["*.wasm"],
      keepNames: true,
      target: "es2022",
    });
    // The bundler leaves the module's path as it was relative to its importer.
    const script = (outputFiles[0]?.text ?? "").replaceAll("../engine/engine.simd.wasm", "./engine.simd.wasm");
    const files = new Map<string, string | Uint8Array>([
      ["index.js", script],
      ["engine.simd.wasm", readFileSync(join(root, "dist/engine/engine.simd.wasm"))],
    ]);
    worker = startWorkerd(files, { ...MODEL_ASSETS, r2Buckets: ["R2"], kvNamespaces: ["KV"] });
    origin = await worker.ready;
    const value = Uint8Array.from(bytes).buffer;
    const r2 = await worker.getR2Bucket("R2");
    await r2.put("model", value);
    await r2.put("cut", value.slice(0, 5_000_000));
    await r2.put("noise", Uint8Array.from({ length: 100_000 }, (_, i) => (i * 31) & 0xff).buffer);
    const kv = await worker.getKVNamespace("KV");
    await kv.put("model", value, { metadata: { size: bytes.length } });
    await kv.put("bare", value);
    await kv.put("wrong", value, { metadata: { size: bytes.length * 2 } });
  }, 60_000);
  afterAll(async () => {
    await worker?.dispose();
    site.close();
  });

  const ask = async (source: string, name: string): Promise<unknown> => {
    const url = new URL(`/${source}?name=${encodeURIComponent(name)}`, origin);
    return (
      await fetch(url, { method: "POST", body: JSON.stringify({ prompts: PROMPTS.map(({ prompt }) => prompt), maxTokens: MAX_TOKENS }) })
    ).json();
  };
  const here = (path: string): string => `http://127.0.0.1:${(site.address() as AddressInfo).port}/${path}`;

  it.each(["r2 model", "kv model", "kv bare", `assets ${MODEL}`, `url ${MODEL}`])(
    "gives the token ids of the ten prompts: %s",
    async (which) => {
      const [source = "", name = ""] = which.split(" ");
      expect(await ask(source, source === "url" ? here(name) : name)).toEqual({ tokens: PROMPTS.map(({ tokens }) => tokens) });
    },
  );

  it.each([
    ["r2", "none", "SourceError", /none: is not in the bucket/],
    ["kv", "none", "SourceError", /not in the KV namespace/],
    ["assets", "none", "SourceError", /not among the static assets \(404\)/],
    ["url", "none", "SourceError", /there is no such file/],
    ["r2", "cut", "FormatError", /cut/],
    ["r2", "noise", "FormatError", /noise/],
    ["kv", "wrong", "FormatError", /wrong/],
  ])("names what is wrong: %s %s", async (source, name, type, message) => {
    const { error } = (await ask(source, source === "url" ? here(name) : name)) as {
      error: { name: string; ours: boolean; message: string };
    };
    expect(error).toMatchObject({ name: type, ours: true });
    expect(error.message).toMatch(message);
  });

  it("loads once for all requests, again after a failure, and also when the first client leaves", async () => {
    const page = { origin: "https://app.example" };
    const failed = await fetch(new URL("/shared", origin), { headers: page });
    expect([failed.status, await failed.json()]).toMatchObject([503, { error: { code: "not_loaded" } }]);
    expect(["access-control-allow-origin", "access-control-expose-headers", "retry-after"].map((name) => failed.headers.get(name))).toEqual(
      ["*", "Retry-After", "5"],
    );
    const controller = new AbortController();
    const gone = fetch(new URL("/shared", origin), { signal: controller.signal }).then(
      () => "answered",
      () => "gone",
    );
    setTimeout(() => controller.abort(), 15);
    await gone;
    const answers = await Promise.all(
      Array.from({ length: 4 }, async () => (await fetch(new URL("/shared", origin))).json() as Promise<{ text: string; loads: number }>),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.every(({ loads }) => loads === 2)).toBe(true);
  });
});
