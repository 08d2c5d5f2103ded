import type { LoadedModel } from "../../engine/types.ts";
import { LimitError } from "../../errors.ts";
import type { DraftTree } from "../drafters/drafter.ts";
import type { Choice, Policy } from "../guard/policy.ts";
import { checkTree } from "./tree.ts";

/**
 * The tree of a round: what the chosen drafter proposes, or the root alone where nobody drafts. It is checked here and nowhere else.
 * Where there is no memory to draft with, `auto` goes on without that drafter: plain decoding would.
 */
export function proposeTree(model: LoadedModel, policy: Policy, choice: Choice, root: number): DraftTree {
  const tree = propose(model, policy, choice) ?? { tokens: [root], parents: [-1] };
  checkTree(tree, choice.nodes);
  return tree;
}

function propose(model: LoadedModel, policy: Policy, { drafter, nodes }: Choice): DraftTree | undefined {
  try {
    const tree = drafter?.propose(nodes);
    if (tree !== undefined) model.reserveLogits(tree.tokens.length);
    return tree;
  } catch (error) {
    if (!(error instanceof LimitError) || !policy.giveUp(drafter!)) throw error;
    return undefined;
  }
}
