import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { describeShared } from "../../helpers/shared.ts";
import { root } from "../../helpers/test-host.ts";
import { temporaryFolder } from "../../helpers/tiny-folder.ts";
import { describeInstalled } from "../installed.ts";
import { startWorkerd, workerdInstalled } from "../workerd/start.ts";
import { DECO, decoModels, runDeco, type DecoAnswer } from "./golden.ts";

const SCRIPT = `
import { fromR2, loadModel } from "${join(root, "dist/lib/workers.js")}";
export default { async fetch(request, env) {
  const { name, work } = await request.json();
  return Response.json(await (${runDeco.toString()})((options) => loadModel(fromR2(env.R2, name), options), work));
} };`;

describeInstalled("DECO in workerd", "workerd", workerdInstalled() ? "yes" : undefined, () => {
  describeShared("golden DECO models", DECO, () => {
    it("gives the authors' numbers", { timeout: 60_000 }, async () => {
      const { outputFiles } = await build({
        stdin: { contents: SCRIPT, resolveDir: root, sourcefile: "index.js" },
        bundle: true,
        format: "esm",
        write: false,
        external: ["*.wasm"],
        keepNames: true,
        target: "es2022",
      });
      const files = new Map<string, string | Uint8Array>([
        ["index.js", (outputFiles[0]?.text ?? "").replaceAll("../engine/engine.simd.wasm", "./engine.simd.wasm")],
        ["engine.simd.wasm", readFileSync(join(root, "dist/engine/engine.simd.wasm"))],
      ]);
      const worker = startWorkerd(files, { r2Buckets: ["R2"] });
      try {
        const origin = await worker.ready;
        const bucket = await worker.getR2Bucket("R2");
        for (const { name, file, work, check } of await decoModels(temporaryFolder())) {
          await bucket.put(name, Uint8Array.from(readFileSync(file)).buffer);
          const response = await fetch(origin, { method: "POST", body: JSON.stringify({ name, work }) });
          expect(
            response.status,
            await response
              .clone()
              .text()
              .then((text) => text.slice(0, 500)),
          ).toBe(200);
          check((await response.json()) as DecoAnswer[]);
        }
      } finally {
        await worker.dispose();
      }
    });
  });
});
