import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";
import { root } from "../../helpers/test-host.ts";
import { describeInstalled } from "../installed.ts";
import { expectedTalk, talkModel } from "../talk.ts";
import { startWorkerd, workerdInstalled, type Miniflare } from "./start.ts";

const SCRIPT = `
import { createChat, fromR2, loadModel } from "${join(root, "dist/lib/workers.js")}";
import { talk } from "${join(root, "test/runtime/talk.mjs")}";
export default { async fetch(_request, env) {
  const model = await loadModel(fromR2(env.R2, "model"));
  return Response.json(await talk(createChat, model));
} };`;

describeInstalled("chats in workerd", "workerd", workerdInstalled() ? "yes" : undefined, () => {
  let worker: Miniflare;
  beforeAll(async () => {
    const { outputFiles } = await build({
      stdin: { contents: SCRIPT, resolveDir: root, sourcefile: "index.js" },
      bundle: true,
      format: "esm",
      write: false,
      external: ["*.wasm"],
      keepNames: true,
      target: "es2022",
    });
    const script = (outputFiles[0]?.text ?? "").replaceAll("../engine/engine.simd.wasm", "./engine.simd.wasm");
    const files = new Map<string, string | Uint8Array>([
      ["index.js", script],
      ["engine.simd.wasm", readFileSync(join(root, "dist/engine/engine.simd.wasm"))],
    ]);
    worker = startWorkerd(files, { r2Buckets: ["R2"] });
    await worker.ready;
    await (await worker.getR2Bucket("R2")).put("model", Uint8Array.from(await talkModel()).buffer);
  });
  afterAll(async () => worker?.dispose());

  it("say what they say on Node, cut short and overflowing too", async () => {
    const expected = await expectedTalk();
    expect(await (await fetch(await worker.ready)).json()).toEqual(expected);
    expect(expected.answers.some(({ dropped }) => dropped > 0)).toBe(true);
  });
});
