import { expect, it } from "vitest";
import { nodeHost } from "../../host/node/engine.ts";
import { ModelDrafter } from "../../src/decode/drafters/model.ts";
import type { Drafter } from "../../src/decode/drafters/drafter.ts";
import { EagleDrafter } from "../../src/decode/drafters/eagle.ts";
import { NgramDrafter } from "../../src/decode/drafters/ngram.ts";
import { generate } from "../../src/decode/generate.ts";
import { Generation } from "../../src/decode/generation.ts";
import { GuardCosts } from "../../src/decode/guard/costs.ts";
import { resolveOptions, type GenerateOptions } from "../../src/decode/options.ts";
import { PLAIN, type Choice, type Policy } from "../../src/decode/guard/policy.ts";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { SpeculativeRun } from "../../src/decode/speculative/speculative.ts";
import { loadModel } from "../../src/load/load.ts";
import { describeShared } from "../helpers/shared.ts";

/** Does what no guard would: any drafter and size at any time, rests with and without states told between them. */
class Whims implements Policy {
  rest = 0;
  listening = false;
  rounds = 0;
  readonly #random: () => number;
  readonly #drafters: readonly Drafter[];

  constructor(seed: number, drafters: readonly Drafter[]) {
    const random = createRandom(seed);
    this.#random = () => random.float();
    this.#drafters = drafters;
  }

  choose(maxNodes: number): Choice {
    if (this.rest > 0) {
      this.rest--;
      return PLAIN;
    }
    if (maxNodes > 1 && this.#random() < 0.6) {
      this.rounds++;
      this.listening = this.#random() < 0.5;
      const drafter = this.#drafters[Math.floor(this.#random() * this.#drafters.length)]!;
      return { drafter, nodes: Math.min(maxNodes, 2 + Math.floor(this.#random() * 9)) };
    }
    this.rest = Math.floor(this.#random() * 14);
    this.listening = this.#random() < 0.5;
    return PLAIN;
  }

  begin(): void {}
  record(): void {}
  recordPlain(): void {}
  overhead(): void {}
  observe(): void {}
  giveUp(): boolean {
    return true;
  }
}

describeShared("text does not depend on who drafts when", "checkpoints/blockffn-nano-eagle", () => {
  it(
    "for drafters made at once and late, told all or told late, greedy and drawn, on memory that moves",
    { timeout: 120_000 },
    async () => {
      const model = await loadModel({ ...nodeHost, memory: { restless: true } }, "models/blockffn-nano.q8.safetensors", {
        tier: "simd",
        threads: 1,
      });
      let accepted = 0;
      let rounds = 0;
      for (let seed = 1; seed <= 12; seed++) {
        const prompt = Uint32Array.from({ length: 3 + 5 * seed }, (_, i) => 3 + ((i * 97 + seed * 31) % 4000));
        const options: GenerateOptions = {
          maxTokens: 90,
          ignoreEos: true,
          seed,
          ...(seed % 3 === 0 && { temperature: 0.7, repetitionPenalty: 1.05 }),
        };
        const plain = await generate(model, undefined, prompt, { ...options, speculate: "off" }).result();
        let policy: Whims | undefined;
        const open = (capacity: number): { drafters: readonly Drafter[]; policy: Policy } => {
          const drafters = [
            new NgramDrafter(),
            new EagleDrafter(model.draftHead(), { capacity, scaled: true, lazy: true }),
            new ModelDrafter(model, model, capacity, { lazy: true }),
          ];
          policy = new Whims(seed, drafters);
          return { drafters, policy };
        };
        const costs = new GuardCosts();
        // Late, once it has decoded for some tokens.
        costs.total = seed % 2 === 0 ? 1e6 : 0;
        const late = seed % 2 === 0 ? costs : undefined;
        const fast = await new Generation(
          new SpeculativeRun(
            model,
            undefined,
            prompt,
            resolveOptions({ ...options, speculate: "auto" }),
            model.config.contextLength,
            open,
            late,
          ),
        ).result();
        expect(fast.tokens).toEqual(plain.tokens);
        expect(fast.tls).toBe(plain.tls);
        rounds += policy!.rounds;
        accepted += fast.acceptedTokens!;
      }
      expect(accepted).toBeGreaterThan(100);
      expect(rounds).toBeGreaterThan(60);
      model.dispose();
    },
  );
});
