import { describe, expect, it } from "vitest";
import { ModelDrafter } from "../../src/decode/drafters/model.ts";
import { openRun } from "../../src/decode/generate.ts";
import { Generation } from "../../src/decode/generation.ts";
import { KeptSequence } from "../../src/decode/kept.ts";
import { resolveOptions, type GenerateOptions } from "../../src/decode/options.ts";
import { MemoryError } from "../../src/errors.ts";
import { FakeModel } from "../helpers/fake-model.ts";

const ids = (...tokens: number[]): Uint32Array => Uint32Array.from(tokens);

/** Rows that a model computes while something is done. */
async function computed(model: FakeModel, work: () => unknown): Promise<number> {
  const before = model.chunks.length;
  await work();
  return model.chunks.slice(before).reduce((sum, rows) => sum + rows, 0);
}

describe("a kept sequence", () => {
  const run = (model: FakeModel, kept: KeptSequence, prompt: Uint32Array, options: GenerateOptions = {}): Generation =>
    new Generation(openRun(model, undefined, prompt, { ...resolveOptions({ speculate: "off", maxTokens: 4, ...options }), kept }));

  it("has what the next prompt begins with computed already, and the last token of a prompt always left", async () => {
    const model = new FakeModel();
    const kept = new KeptSequence(model);
    const prompt = ids(1, 2, 3, 4, 5);
    const first = await run(model, kept, prompt).result();
    // The last new token was never computed.
    expect(kept.length).toBe(5 + 3);
    const next = ids(...prompt, ...first.tokens, 9, 9);
    expect(await computed(model, () => run(model, kept, next).result())).toBe(3 + 3);
    expect(kept.reused).toBe(8);
    expect(await computed(model, () => run(model, kept, prompt).result())).toBe(1 + 3);
    expect(kept.reused).toBe(4);
    expect(await computed(model, () => run(model, kept, ids(7, 2, 3)).result())).toBe(3 + 3);
    expect(kept.reused).toBe(0);
    expect(model.sequences.size).toBe(1);
  });

  it("is lost, not used, when a generation fails in the middle of a step", async () => {
    let broken = true;
    const model = new FakeModel({
      next: (history) => {
        if (broken && history.length === 6) throw new Error("broken");
        return 3;
      },
    });
    const kept = new KeptSequence(model);
    await expect(run(model, kept, ids(1, 2, 3, 4)).result()).rejects.toThrow("broken");
    expect([kept.length, model.sequences.size]).toEqual([0, 0]);
    broken = false;
    expect((await run(model, kept, ids(1, 2, 3, 4)).result()).tokens).toEqual([3, 3, 3, 3]);
    expect(kept.reused).toBe(0);
  });

  it("computes all again where there is no memory for the old rows and the new ones at once", async () => {
    const model = new FakeModel();
    const kept = new KeptSequence(model);
    await run(model, kept, ids(1, 2, 3)).result();
    for (const sequence of model.sequences)
      sequence.grow = () => {
        throw new MemoryError("none");
      };
    expect(await computed(model, () => run(model, kept, ids(1, 2, 3, 4)).result())).toBe(4 + 3);
    expect([kept.reused, kept.length]).toEqual([0, 7]);
  });

  it("keeps the rows of a model that drafts, too", async () => {
    const [base, draft] = [new FakeModel(), new FakeModel()];
    const kept = new KeptSequence(base).draftOf(draft);
    const drafted = (tokens: readonly number[]) => (): void => {
      const drafter = new ModelDrafter(draft, base, 64, { kept });
      drafter.accept(tokens);
      drafter.propose(3);
      drafter.dispose();
    };
    const long = Array.from({ length: 24 }, (_, i) => i);
    const all = await computed(draft, drafted(long));
    const rest = await computed(draft, drafted([...long, 30, 31]));
    expect(all).toBeGreaterThanOrEqual(24);
    expect(rest).toBe(all - 24 + 2);
    expect(draft.sequences.size).toBe(1);
  });
});
