import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodePacked, openPacked } from "../../src/format/packed.ts";
import type { ModelConfig } from "../../src/model/config.ts";
import { damages, EDGE_NUMBERS } from "../helpers/fuzz.ts";
import { bytesSource } from "../helpers/test-host.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";
import { packTo, wasi } from "../helpers/wasi.ts";

const SEED = 20261124;
const RUNS = 150;
console.log(`fuzz seed ${SEED}`);

// A damaged file is refused with a message that names it, or it is harmless. A trap would throw here, a hang would time out.
describe.each([["block", "q8"], ["mla", "q4"]] as const)("WASI command: damaged packed files, %s %s", (kind, quantization) => {
  const folder = temporaryFolder();
  const path = join(folder, "m.safetensors");
  const load = async (): Promise<Uint8Array> => {
    await packTo(writeTinyModel(folder, kind), path, quantization);
    return readFileSync(path);
  };
  const taken = async (bytes: Uint8Array, prompt = ["--prompt", "ab"]): Promise<boolean> => {
    writeFileSync(path, bytes);
    const { code, stderr } = await wasi(folder, ["--model", "m.safetensors", ...prompt, "--max-tokens", "2"]);
    if (code !== 0) {
      expect(code).toBe(1);
      expect(stderr).toMatch(/^blockffn: (m\.safetensors: .+|logits: .+|prompt: .+)\n$/s);
      expect(stderr).not.toContain("please report this");
    }
    return code === 0;
  };

  it("the bytes themselves are right", async () => expect(await taken(await load())).toBe(true));

  it("damaged bytes", async () => {
    const bytes = await load();
    await fc.assert(fc.asyncProperty(damages, async (change) => void (await taken(change(bytes)))), { seed: SEED, numRuns: RUNS });
  });

  it("damaged bytes of the header and the tokenizer", async () => {
    const bytes = await load();
    const text = bytes.length - (await openPacked(bytesSource(bytes, "m"))).plan.bytes;
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.nat(text), fc.nat(255)), { minLength: 1, maxLength: 3 }), async (changes) => {
      const wrong = bytes.slice();
      for (const [at, byte] of changes) wrong[at] = byte;
      await taken(wrong);
    }), { seed: SEED, numRuns: RUNS });
  });

  it("truncated anywhere", async () => {
    const bytes = await load();
    for (let length = 0; length < bytes.length; length += 1 + Math.floor(bytes.length / 120)) expect(await taken(bytes.slice(0, length)), `${length} bytes`).toBe(false);
  });

  it("configurations that disagree with the weights, or are no configurations", async () => {
    const { config, plan } = await openPacked(bytesSource(await load(), "m"));
    const value = fc.oneof(fc.constantFrom(...EDGE_NUMBERS), fc.constantFrom(-1, 0.5, null, "", true, [], {}, "gqa", "mla", "dense", "experts", "topk"), fc.integer({ min: 0, max: 40 }));
    const keys = Object.keys(config).flatMap((key) => (key === "attention" || key === "ffn" ? Object.keys(config[key]).map((inner) => [key, inner]) : [[key]]));
    await fc.assert(fc.asyncProperty(fc.constantFrom(...keys), value, async ([key, inner], v) => {
      const wrong = structuredClone(config) as unknown as Record<string, Record<string, unknown> | unknown>;
      if (inner === undefined) wrong[key as string] = v;
      else (wrong[key as string] as Record<string, unknown>)[inner] = v;
      const { head, weightsOffset } = encodePacked(wrong as unknown as ModelConfig, plan, undefined);
      const file = new Uint8Array(weightsOffset + plan.bytes);
      file.set(head);
      await taken(file, ["--tokens", "0,1"]);
    }), { seed: SEED, numRuns: RUNS });
  });
});
