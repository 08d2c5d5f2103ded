import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadModel } from "../../host/node/index.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";
import { readVectors } from "../helpers/vectors.ts";
import { packTo, wasiJson, withoutTimings } from "../helpers/wasi.ts";

// Every kind of model that a packed file can hold: the command gives the ids of the golden vectors, or of the JavaScript host.

for (const path of ["golden/models", "golden/deco/models"])
  describeShared(`WASI command: ${path}`, path, () => {
    const golden = sharedPath(path);
    for (const name of readdirSync(golden).sort()) {
      it(`${name}: the authors' greedy tokens`, async () => {
        const folder = temporaryFolder();
        await packTo(join(golden, name), join(folder, "m.safetensors"), "f32");
        const vectors = readVectors(join(golden, name, "golden.safetensors"));
        const prompt = Array.from(vectors.get("input_ids")?.data as Int32Array).join(",");
        const { tokens } = await wasiJson(folder, ["--model", "m.safetensors", "--tokens", prompt, "--max-tokens", "32", "--ignore-eos"]);
        expect(tokens).toEqual(Array.from(vectors.get("greedy.tokens")?.data as Int32Array));
      });
    }
  });

describe("WASI command: small models of every kind and quantisation", () => {
  for (const kind of ["llama", "block", "mla", "moe", "deco"] as const) {
    for (const quantization of ["f32", "q8", "q4", "q4-all"] as const) {
      it(`${kind}, ${quantization}: tokens, text and sparsity of the JavaScript host`, async () => {
        const folder = temporaryFolder();
        const path = join(folder, "m.safetensors");
        await packTo(writeTinyModel(folder, kind), path, quantization);
        using model = await loadModel(path, { tier: "simd" });
        for (const speculate of ["off", "ngram"] as const) {
          const want = await model.generate("the cat é🙂", { maxTokens: 60, ignoreEos: true, speculate }).result();
          const got = await wasiJson(folder, [
            "--model",
            "m.safetensors",
            "--prompt",
            "the cat é🙂",
            "--max-tokens",
            "60",
            "--ignore-eos",
            "--speculate",
            speculate,
          ]);
          for (const field of [
            "tokens",
            "text",
            "promptTokens",
            "finishReason",
            "tls",
            "rounds",
            "draftedTokens",
            "acceptedTokens",
            "expertsPerChunk",
            "acceptLength",
          ] as const) {
            expect(got[field], `${field}, ${speculate}`).toEqual(want[field]);
          }
          expect(withoutTimings(got).decisions).toEqual(withoutTimings(want).decisions);
        }
      });
    }
  }
});
