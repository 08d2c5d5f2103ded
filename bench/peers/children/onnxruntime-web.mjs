// onnxruntime-web's WebAssembly backend, in Node or in a Chromium page (--host chromium).
// --flavour names the matrix products (see onnx.mjs); "dynamic" is the fastest for 8-bit weights.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { openPage } from "../browser.mjs";
import { onnxFiles } from "../onnx.mjs";
import { packageVersion } from "../packages.mjs";
import * as engine from "../pages/onnxruntime-web.mjs";
import { serve } from "./protocol.mjs";

await serve("onnxruntime-web", async ({ shapeName, shape, typeName, threads, options }) => {
  const { host = "node", flavour = "dynamic" } = options;
  const { path, data } = onnxFiles(shapeName, typeName, flavour);
  const settings = {
    threads,
    location: basename(data),
    shape: { layers: shape.layers, kvHeads: shape.kvHeads, headDim: shape.hidden / shape.heads },
  };
  const version = packageVersion("onnxruntime-web");
  if (host === "node") {
    const notes = await engine.loadWith({ ...settings, ortModule: "onnxruntime-web", model: path, data }, readFileSync);
    return {
      version,
      notes: { ...notes, host, flavour, node: process.version },
      prefill: engine.prefill,
      decode: (prompt, steps) => engine.decode({ prompt, steps }),
      close() {},
    };
  }
  const dist = "/npm/onnxruntime-web/dist/";
  const page = await openPage("onnxruntime-web.mjs");
  const notes = await page.call("load", {
    ...settings,
    ortModule: `${dist}ort.wasm.min.mjs`,
    wasmPaths: dist,
    model: `/models/${basename(path)}`,
    data: `/models/${basename(data)}`,
  });
  return {
    version,
    notes: { ...notes, host, flavour, chromium: page.version },
    prefill: (ids) => page.call("prefill", ids),
    decode: (prompt, steps) => page.call("decode", { prompt, steps }),
    close: () => page.close(),
  };
});
