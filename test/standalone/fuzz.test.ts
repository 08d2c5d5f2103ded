import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openPacked } from "../../src/format/packed/packed.ts";
import { encodePacked } from "../helpers/packed-v2.ts";
import type { ModelConfig } from "../../src/architecture/config.ts";
import { damages, EDGE_NUMBERS } from "../helpers/fuzz.ts";
import { bytesSource } from "../helpers/test-host.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";
import { packTo, wasi } from "../helpers/wasi.ts";

const SEED = 20261124;
const RUNS = 150;
console.log(`fuzz seed ${SEED}`);

// A damaged file is refused with a message that names it, or it is harmless. A trap would throw here, a hang would time out.
describe.each([
  ["block", "q8", undefined],
  ["mla", "q4", undefined],
  // With an EAGLE head behind the weights, of some tokens and of all.
  ["block", "q8", 16],
  ["mla", "q4", 0],
] as const)("WASI command: damaged packed files, %s %s, draft tokens %s", (kind, quantization, draftVocab) => {
  const folder = temporaryFolder();
  const path = join(folder, "m.safetensors");
  const load = async (): Promise<Uint8Array> => {
    await packTo(writeTinyModel(folder, kind), path, quantization, draftVocab);
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

  it("the bytes themselves are right", async () => {
    const bytes = await load();
    expect(await taken(bytes)).toBe(true);
    expect(Buffer.from(bytes).includes('"blockffn.version":"3"')).toBe(true);
  });

  it("damaged bytes", async () => {
    const bytes = await load();
    await fc.assert(
      fc.asyncProperty(damages, async (change) => void (await taken(change(bytes)))),
      { seed: SEED, numRuns: RUNS },
    );
  });

  it("damaged bytes of the header and the tokenizer", async () => {
    const bytes = await load();
    const text = (await openPacked(bytesSource(bytes, "m"))).weightsOffset;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(text), fc.nat(255)), { minLength: 1, maxLength: 3 }), async (changes) => {
        const wrong = bytes.slice();
        for (const [at, byte] of changes) wrong[at] = byte;
        await taken(wrong);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });

  it("truncated anywhere", async () => {
    const bytes = await load();
    for (let length = 0; length < bytes.length; length += 1 + Math.floor(bytes.length / 120))
      expect(await taken(bytes.slice(0, length)), `${length} bytes`).toBe(false);
  });

  it("configurations that disagree with the weights, or are no configurations", async () => {
    const { config, plan, draft, bytes } = await openPacked(bytesSource(await load(), "m"));
    const value = fc.oneof(
      fc.constantFrom(...EDGE_NUMBERS),
      fc.constantFrom(-1, 0.5, null, "", true, [], {}, "gqa", "mla", "dense", "experts", "topk"),
      fc.integer({ min: 0, max: 40 }),
    );
    const keys = Object.keys(config).flatMap((key) =>
      key === "attention" || key === "ffn" ? Object.keys(config[key]).map((inner) => [key, inner]) : [[key]],
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...keys), value, async ([key, inner], v) => {
        const wrong = structuredClone(config) as unknown as Record<string, Record<string, unknown> | unknown>;
        if (inner === undefined) wrong[key as string] = v;
        else (wrong[key as string] as Record<string, unknown>)[inner] = v;
        const { head, weightsOffset } = encodePacked(wrong as unknown as ModelConfig, plan, undefined, { draft });
        const file = new Uint8Array(weightsOffset + bytes);
        file.set(head);
        await taken(file, ["--tokens", "0,1"]);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });

  if (draftVocab === undefined) return;
  it("heads that disagree with the file, or are no heads", async () => {
    const { config, plan, draft, bytes } = await openPacked(bytesSource(await load(), "m"));
    const encoded = encodePacked(config, plan, undefined, { draft });
    const known = draft?.config as NonNullable<typeof draft>["config"];
    /** The file without weights, which says this of its head. */
    const saying = (json: string): Uint8Array => {
      const length = Number(new DataView(encoded.head.buffer, encoded.head.byteOffset).getBigUint64(0, true));
      const header = JSON.parse(new TextDecoder().decode(encoded.head.subarray(8, 8 + length))) as { __metadata__: Record<string, string> };
      header.__metadata__["blockffn.draft"] = json;
      const text = new TextEncoder().encode(JSON.stringify(header));
      const start = Math.ceil((8 + text.length) / 64) * 64;
      const file = new Uint8Array(start + bytes).fill(32, 0, start);
      file.set(text, 8);
      new DataView(file.buffer).setBigUint64(0, BigInt(start - 8), true);
      return file;
    };
    expect(await taken(saying(JSON.stringify(known)), ["--tokens", "0,1"])).toBe(true);
    const value = fc.oneof(
      fc.constantFrom(...EDGE_NUMBERS),
      fc.constantFrom(-1, 0.5, null, "", true, [], {}),
      fc.integer({ min: 0, max: 40 }),
    );
    const wrong = fc.oneof(
      fc.constantFrom(...Object.keys(known)).chain((key) => value.map((v) => JSON.stringify({ ...known, [key]: v }))),
      fc.jsonValue({ maxDepth: 3 }).map((v) => JSON.stringify(v)),
      fc.string({ maxLength: 60 }),
    );
    await fc.assert(
      fc.asyncProperty(wrong, async (json) => void (await taken(saying(json), ["--tokens", "0,1"]))),
      { seed: SEED, numRuns: RUNS },
    );
  });
});
