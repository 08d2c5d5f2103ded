// wllama: llama.cpp compiled to WebAssembly, in a Chromium page.
import { basename } from "node:path";
import { openPage } from "../browser.mjs";
import { ggufFile } from "../gguf.mjs";
import { packageVersion } from "../packages.mjs";
import { serve } from "./protocol.mjs";

const PACKAGE = "@wllama/wllama";

await serve("wllama", async ({ shapeName, typeName, threads, context }) => {
  const file = ggufFile(shapeName, typeName);
  const page = await openPage("wllama.mjs");
  const notes = await page.call("load", { base: `/npm/${PACKAGE}`, model: `/models/${basename(file)}`, threads, context });
  return {
    version: packageVersion(PACKAGE),
    notes: { ...notes, chromium: page.version },
    prefill: (ids) => page.call("prefill", ids),
    decode: (prompt, steps) => page.call("decode", { prompt, steps }),
    close: () => page.close(),
  };
});
