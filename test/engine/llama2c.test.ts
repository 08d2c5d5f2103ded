import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { loadModel } from "../../src/load/load.ts";
import { llama2cDecoder, llama2cFolder } from "../helpers/llama2c.ts";
import { MemoryFiles } from "../helpers/memory-files.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { testHost, TIERS } from "../helpers/test-host.ts";

const BOS = 1;

describeShared("stories260K", "checkpoints/stories260K", () => {
  const folder = sharedPath("checkpoints/stories260K");
  const files = llama2cFolder(readFileSync(`${folder}/stories260K.bin`));
  const decode = llama2cDecoder(readFileSync(`${folder}/tok512.bin`));
  const page = readFileSync(`${folder}/stories260K.md`, "utf8");
  const published = /tok512\.bin -t 0\.0\n([\s\S]*?)\n```/.exec(page)?.[1] ?? "";

  for (const tier of TIERS) {
    it(`${tier}: greedy text as published`, async () => {
      expect(published.length).toBeGreaterThan(500);
      const model = await loadModel({ ...testHost, open: async () => new MemoryFiles(files) }, "stories260K", { tier });
      const sequence = model.newSequence();
      const ids: number[] = [];
      let next = BOS;
      // run.c's default: 256 steps, or until BOS comes.
      for (let step = 0; step < 256; step++) {
        next = sequence.forward([next]).argmax(0);
        if (next === BOS) break;
        ids.push(next);
      }
      expect(decode(ids).trimEnd()).toBe(published.trimEnd());
      model.dispose();
    });
  }
});
