import { expect, it } from "vitest";
import { loadModel } from "../../../host/node/index.ts";
import { chatModelFile } from "../../helpers/chat-model.ts";
import { describeShared } from "../../helpers/shared.ts";
import { CHAT_GOLDENS, CHAT_WANTED, GOLDEN_TOKENS, GOLDENS } from "../chat-goldens.ts";

describeShared("the chat model's golden answers on Node", GOLDENS, () => {
  it.each(["q4-all", "f32"] as const)("%s", async (type) => {
    using model = await loadModel(await chatModelFile(type), { tier: "simd" });
    const said: unknown[] = [];
    for (const { prompt } of CHAT_GOLDENS) {
      const { tokens, text } = await model.generate(prompt, { maxTokens: GOLDEN_TOKENS }).result();
      said.push({ ids: Array.from(model.tokenizer!.encode(prompt)), tokens, text });
    }
    expect(said).toEqual(CHAT_WANTED);
  });
});
