import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { evaluate } from "../../src/decode/evaluate.ts";
import { loadModel } from "../../src/load/load.ts";
import type { Quantization } from "../../src/architecture/quantization.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { describeShared, sharedPath } from "../helpers/shared.ts";
import { root, testHost } from "../helpers/test-host.ts";

/** Documents of the text that are evaluated: enough for a stable ratio, few enough for a test. `blockffn eval` does them all. */
const DOCUMENTS = 40;

describeShared("quantisation of blockffn-nano", "checkpoints/blockffn-nano", () => {
  const folder = sharedPath("checkpoints/blockffn-nano");
  const text = readFileSync(sharedPath("text/tinystories/tinystories_official_valid_first220.txt"), "utf8");
  const tokenizer = loadTokenizer(readFileSync(`${folder}/tokenizer.json`), "tokenizer.json");

  async function perplexity(location: string, quantize?: Quantization): Promise<number> {
    const model = await loadModel(testHost, location, quantize === undefined ? {} : { quantize });
    const result = await evaluate(model, tokenizer, text, { maxDocuments: DOCUMENTS });
    model.dispose();
    return result.perplexity;
  }

  it("q8 changes perplexity by less than 0.5 %, q4 by less than 5 %; the embedded model is the q8 one", async () => {
    const f32 = await perplexity(folder);
    const q8 = await perplexity(folder, "q8");
    expect(Math.abs(q8 / f32 - 1)).toBeLessThan(0.005);
    expect(Math.abs((await perplexity(folder, "q4")) / f32 - 1)).toBeLessThan(0.05);
    expect(await perplexity(`${root}/models/blockffn-nano.q8.safetensors`)).toBe(q8);
  }, 120_000);
});
