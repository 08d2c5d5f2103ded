import { promptChunk } from "../../src/decode/plain/prompt.ts";
import type { Drafter } from "../../src/decode/drafters/drafter.ts";
import { layoutTree } from "../../src/decode/speculative/tree.ts";
import { verifyTree } from "../../src/decode/speculative/verify.ts";
import type { LoadedModel } from "../../src/engine/types.ts";

/** What greedy decoding of one prompt brought. */
export interface GreedyRun {
  readonly tokens: readonly number[];
  /** Forward calls after the prompt, and the tokens that they confirmed. */
  readonly rounds: number;
  readonly confirmed: number;
  /** Passes with verification, and drafting, prompt not counted. */
  readonly passMs: number;
  readonly draftMs: number;
}

/**
 * Decodes greedily after a prompt, with trees of up to `nodes` nodes of a drafter, or one token a pass without one: the steps of
 * the library's own loop without text, so that modes differ in nothing else.
 * @param drafter a fresh one; disposed at the end
 */
export function decodeGreedy(
  model: LoadedModel,
  prompt: ArrayLike<number>,
  options: { maxTokens: number; nodes: number; drafter?: Drafter },
): GreedyRun {
  const { maxTokens, nodes, drafter } = options;
  const ends = new Set(model.config.eosTokenIds);
  const sequence = model.newSequence({ capacity: Math.min(model.config.contextLength, prompt.length + maxTokens + nodes) });
  const needsHidden = drafter?.needsHidden === true;
  const tokens: number[] = [];
  let [rounds, confirmed, passMs, draftMs] = [0, 0, 0, 0];
  try {
    let root = 0;
    let before: Float32Array = new Float32Array(0);
    const most = promptChunk(model);
    for (let at = 0; at < prompt.length; at += most) {
      const chunk = Array.from({ length: Math.min(most, prompt.length - at) }, (_, i) => prompt[at + i] as number);
      const result = sequence.forward(chunk);
      root = result.argmax(0);
      const hidden = needsHidden ? [before, ...chunk.map((_, row) => result.hidden(row))] : undefined;
      before = hidden?.pop() ?? before;
      drafter?.accept(chunk, hidden);
    }
    drafter?.accept([root], needsHidden ? [before] : undefined);
    tokens.push(root);
    while (tokens.length < maxTokens && !ends.has(root)) {
      const start = performance.now();
      const room = Math.min(nodes, sequence.capacity - sequence.length);
      const tree = drafter === undefined || room < 2 ? { tokens: [root], parents: [-1] } : drafter.propose(room);
      const drafted = performance.now();
      const layout = tree.tokens.length === 1 ? undefined : layoutTree(tree, sequence.length);
      const result = sequence.forward(tree.tokens, layout === undefined ? {} : { logits: "all", tree: layout });
      const { path, emitted } = verifyTree(tree, (node) => result.argmax(node));
      const hidden = needsHidden ? path.map((row) => result.hidden(row)) : undefined;
      if (path.length < result.rows) sequence.keep(path);
      drafter?.accept(emitted, hidden);
      draftMs += drafted - start;
      passMs += performance.now() - drafted;
      rounds++;
      confirmed += emitted.length;
      for (const id of emitted) {
        if (tokens.length >= maxTokens || ends.has(root)) break;
        tokens.push((root = id));
      }
    }
  } finally {
    drafter?.dispose();
    sequence.dispose();
  }
  return { tokens, rounds, confirmed, passMs, draftMs };
}
