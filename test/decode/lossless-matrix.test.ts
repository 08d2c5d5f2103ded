import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { nodeHost } from "../../host/node/engine.ts";
import { generate } from "../../src/decode/generate.ts";
import type { GenerateOptions } from "../../src/decode/options.ts";
import { convertModel } from "../../src/load/convert.ts";
import type { Tier } from "../../src/host.ts";
import { loadModel } from "../../src/load/load.ts";
import type { LoadOptions } from "../../src/engine/types.ts";
import type { Quantization } from "../../src/architecture/quantization.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { specBenchPrompts } from "../helpers/spec-bench.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";

// The default model on Spec-Bench prompts: text with drafts is the text without. A sample by default, of short prompts; all of it with
//   BLOCKFFN_LOSSLESS=100 [BLOCKFFN_TIER=simd] [BLOCKFFN_THREADS=1] [BLOCKFFN_TYPES=f32,q8,q4] npx vitest run test/decode/lossless-matrix.test.ts
const { BLOCKFFN_LOSSLESS = "3", BLOCKFFN_TIER = "simd", BLOCKFFN_THREADS, BLOCKFFN_TYPES = "f32,q8,q4" } = process.env;
const PROMPTS = Number(BLOCKFFN_LOSSLESS);
const TOKENS = 64;
/** The sample's prompts are cut to this. */
const SAMPLE_PROMPT = 48;
/** Drawn text is compared for every so many prompts. */
const DRAWN_EVERY = 3;
const DRAFTERS = ["ngram", "eagle", "model", "auto"] as const;
const SAMPLING = { temperature: 0.9, topK: 50, topP: 0.95, minP: 0.005, repetitionPenalty: 1.1 };

interface Row {
  prompts: number;
  same: number;
  rounds: number;
  tokens: number;
}

describeShared(`speculation is lossless on ${PROMPTS} prompts of Spec-Bench, ${BLOCKFFN_TIER}`, "checkpoints/blockffn-nano-eagle", () => {
  const folder = temporaryFolder();
  const options = {
    tier: BLOCKFFN_TIER as Tier,
    ...(BLOCKFFN_THREADS === undefined ? {} : { threads: Number(BLOCKFFN_THREADS) }),
  } as LoadOptions;

  async function packed(type: Quantization): Promise<string> {
    const path = join(folder, `nano.${type}.safetensors`);
    const pieces: Uint8Array[] = [];
    const files = await nodeHost.open(sharedPath("checkpoints/blockffn-nano"));
    await convertModel(files, type, (bytes) => void pieces.push(bytes), undefined, {
      files: await nodeHost.open(sharedPath("checkpoints/blockffn-nano-eagle")),
    });
    writeFileSync(path, Buffer.concat(pieces));
    return path;
  }

  for (const type of BLOCKFFN_TYPES.split(",") as Quantization[]) {
    it(type, { timeout: 3_600_000 }, async () => {
      const model = await loadModel(nodeHost, await packed(type), options);
      const draftModel = await loadModel(nodeHost, await packed("q4"), options);
      const tokenizer = loadTokenizer(model.tokenizerJson!, "tokenizer.json");
      const rows = new Map<string, Row>();
      const start = performance.now();
      for (const [i, prompt] of specBenchPrompts(
        tokenizer,
        PROMPTS,
        PROMPTS > 10 ? model.config.contextLength - TOKENS : SAMPLE_PROMPT,
      ).entries()) {
        for (const [way, sampling] of [
          ["greedy", {}],
          ["drawn", { ...SAMPLING, seed: i }],
        ] as const) {
          if (way === "drawn" && i % DRAWN_EVERY !== 0) continue;
          const common: GenerateOptions = { ...sampling, maxTokens: TOKENS, ignoreEos: true };
          const plain = await generate(model, tokenizer, prompt, { ...common, speculate: "off" }).result();
          for (const speculate of DRAFTERS) {
            const fast = await generate(model, tokenizer, prompt, { ...common, speculate, draftModel }).result();
            const row = rows.get(`${way} ${speculate}`) ?? { prompts: 0, same: 0, rounds: 0, tokens: 0 };
            row.prompts++;
            if (JSON.stringify(fast.tokens) === JSON.stringify(plain.tokens)) row.same++;
            row.rounds += fast.rounds!;
            row.tokens += fast.tokens.length - 1;
            rows.set(`${way} ${speculate}`, row);
          }
        }
        if (PROMPTS > 10 && (i + 1) % 10 === 0)
          process.stderr.write(`${type}: ${i + 1} of ${PROMPTS} prompts, ${((performance.now() - start) / 1000).toFixed(0)} s\n`);
      }
      const table = [...rows].map(
        ([name, { prompts, same, rounds, tokens }]) =>
          `${type} ${name.padEnd(13)} ${same} of ${prompts} the same, accept length ${(tokens / rounds).toFixed(2)}`,
      );
      console.log(table.join("\n"));
      for (const [name, { prompts, same }] of rows) expect(same, name).toBe(prompts);
      // The drafts were not for nothing.
      for (const name of ["ngram", "eagle", "model"])
        expect(rows.get(`greedy ${name}`)!.tokens, name).toBeGreaterThan(rows.get(`greedy ${name}`)!.rounds);
      draftModel.dispose();
      model.dispose();
    });
  }
});
