import { expect, it } from "vitest";
import { loadModel, traceExperts, type GenerateOptions, type Model } from "../../host/node/index.ts";
import { rowExperts } from "../../src/sparsity/row.ts";

async function traced(model: Model, options: GenerateOptions): Promise<Uint32Array[]> {
  const seen: Uint32Array[] = [];
  for await (const { experts } of model.generate("Once upon a time", { maxTokens: 24, ...options })) seen.push(experts as Uint32Array);
  return seen;
}

it.each(["off", "ngram", "eagle", "auto"] as const)(
  "each piece tells the experts of the token before it (speculate %s)",
  async (speculate) => {
    using model = await loadModel();
    const prompt = [...(model.tokenizer?.encode("Once upon a time") ?? [])];
    const { tokens } = await model.generate(prompt, { maxTokens: 24 }).result();
    const ids = Uint32Array.from([...prompt, ...tokens.slice(0, -1)]);
    const whole = await traceExperts(model.loaded, ids);
    const expected = tokens.map((_, i) => rowExperts(whole, model.config.layers, ids.length, prompt.length - 1 + i));
    expect(await traced(model, { experts: true, speculate })).toEqual(expected);
  },
);

it("pieces carry no experts unless they are asked for", async () => {
  using model = await loadModel();
  expect((await traced(model, {})).every((experts) => experts === undefined)).toBe(true);
});
