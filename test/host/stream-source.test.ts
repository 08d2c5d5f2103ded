import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { nodeHost } from "../../host/node/engine.ts";
import { DEFAULT_MODEL } from "../../host/node/package.ts";
import { StreamSource } from "../../host/web/stream-source.ts";
import type { Host } from "../../src/host.ts";
import { loadModel } from "../../src/load/load.ts";
import { Model } from "../../src/model.ts";
import { MAX_TOKENS, PROMPTS } from "../runtime/prompts.ts";

const file = readFileSync(DEFAULT_MODEL);

/** The default model as a stream of chunks. */
function streaming(chunk: number): Host {
  const stream = (): ReadableStream<Uint8Array> => {
    let at = 0;
    return new ReadableStream({
      pull(controller) {
        if (at >= file.length) return controller.close();
        controller.enqueue(new Uint8Array(file.subarray(at, (at += chunk))));
      },
    });
  };
  return { ...nodeHost, open: async (name) => ({ name, single: true, open: async () => new StreamSource(name, file.length, stream()) }) };
}

it.each([1000, 65_536, 5 << 20])("a packed model with its EAGLE head is loaded from a stream, %d bytes at a time", async (chunk) => {
  using model = new Model(await loadModel(streaming(chunk), "stream", { tier: "simd" }));
  const [{ prompt, tokens }] = PROMPTS as [(typeof PROMPTS)[number]];
  for (const speculate of ["off", "eagle"] as const) {
    expect((await model.generate(prompt, { maxTokens: MAX_TOKENS, speculate }).result()).tokens).toEqual(tokens);
  }
});
