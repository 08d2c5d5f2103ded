import { TokenizerError } from "../errors.ts";
import type { JsonSlices } from "./json-slices.ts";
import { quote } from "./quote.ts";

/** Which tokens merge, in the order of their priority, by id: left and right, and what they become. */
export interface Merges {
  readonly lefts: Uint32Array;
  readonly rights: Uint32Array;
  readonly results: Uint32Array;
}

/**
 * Reads `model.merges`: pairs of tokens, or texts with a space between them.
 * @param skipped length of the prefix that the right token of a merge loses
 * @throws TokenizerError naming the merge that is wrong.
 */
export function readMerges(slices: JsonSlices | undefined, vocab: ReadonlyMap<string, number>, skipped: number, file: string): Merges {
  if (slices?.kind !== "array") throw new TokenizerError("must be a list of pairs", { file, field: "model.merges" });
  const { count } = slices;
  const merges = { lefts: new Uint32Array(count), rights: new Uint32Array(count), results: new Uint32Array(count) };
  let i = 0;
  for (const slice of slices) {
    for (const merge of slice as readonly unknown[]) {
      const field = `model.merges.${i}`;
      const pair: unknown = typeof merge === "string" ? merge.split(" ") : merge;
      const [left, right] = Array.isArray(pair) && pair.length === 2 ? (pair as [unknown, unknown]) : [];
      if (typeof left !== "string" || typeof right !== "string" || left === "" || right === "")
        throw new TokenizerError("must be two tokens", { file, field });
      const id = (token: string): number => {
        const known = vocab.get(token);
        if (known === undefined) throw new TokenizerError(`${quote(token)} is not in model.vocab`, { file, field });
        return known;
      };
      merges.lefts[i] = id(left);
      merges.rights[i] = id(right);
      merges.results[i] = id(left + right.slice(skipped));
      i++;
    }
  }
  return merges;
}
