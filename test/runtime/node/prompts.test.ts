import { describe, expect, it } from "vitest";
import { loadModel } from "../../../host/node/index.ts";
import { MAX_TOKENS, PROMPTS } from "../prompts.ts";

// prompts.json was written on Node: this keeps it from going stale. Hosts run the `simd` tier; the oracle must agree.
describe.each(["simd", "scalar"] as const)("Node, %s: the ten prompts of every host", (tier) => {
  it("give the token ids of prompts.json", async () => {
    expect(PROMPTS).toHaveLength(10);
    using model = await loadModel(undefined, { tier });
    for (const { prompt, promptTokens, tokens, text } of PROMPTS) {
      expect([...(model.tokenizer?.encode(prompt) ?? [])]).toEqual(promptTokens);
      const result = await model.generate(prompt, { maxTokens: MAX_TOKENS }).result();
      expect(result.tokens).toEqual(tokens);
      expect(result.text).toBe(text);
    }
  });
});
