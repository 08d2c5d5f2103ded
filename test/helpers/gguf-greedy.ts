import type { Model } from "../../src/model.ts";
import { askLlamaCpp } from "./gguf-peer.ts";

/** How far two programs agree on greedy tokens: how many, and the margin of our choice over theirs where they part, in logits. */
export interface Agreement {
  readonly same: number;
  readonly margin: number | undefined;
}

/** Greedy tokens of a loaded GGUF file beside llama.cpp's of the same file, prompt by prompt. */
export function compareGreedy(model: Model, path: string, prompts: readonly (readonly number[])[], steps: number): Agreement[] {
  const { greedy } = askLlamaCpp({ model: path, prompts, steps });
  return prompts.map((prompt, i) => {
    const sequence = model.loaded.newSequence();
    try {
      let result = sequence.forward(Uint32Array.from(prompt));
      for (const [same, wanted] of greedy[i]!.entries()) {
        const own = result.argmax(0);
        const logits = result.logits(0);
        if (own !== wanted) return { same, margin: logits[own]! - logits[wanted]! };
        result = sequence.forward([own]);
      }
      return { same: steps, margin: undefined };
    } finally {
      sequence.dispose();
    }
  });
}
