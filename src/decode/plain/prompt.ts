import { UsageError } from "../../errors.ts";
import type { Tokenizer } from "../../text/tokenizer.ts";

/**
 * Token ids of a prompt: text is encoded, ids are checked.
 * @throws UsageError for an empty prompt, ids outside the vocabulary, or text without a tokenizer.
 */
export function encodePrompt(prompt: string | ArrayLike<number>, tokenizer: Tokenizer | undefined, vocabSize: number): Uint32Array {
  const ids = typeof prompt === "string" ? encodeText(prompt, tokenizer) : prompt;
  if (typeof ids !== "object" || ids === null || typeof ids.length !== "number") {
    throw new UsageError("must be text or a list of token ids", { field: "prompt" });
  }
  if (ids.length === 0) throw new UsageError("is empty; give at least one token", { field: "prompt" });
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i];
    if (typeof id === "number" && Number.isInteger(id) && id >= 0 && id < vocabSize) continue;
    throw new UsageError(`holds ${String(id)} at place ${i}; token ids of this model go from 0 to ${vocabSize - 1}`, { field: "prompt", limit: vocabSize });
  }
  return Uint32Array.from(ids);
}

function encodeText(text: string, tokenizer: Tokenizer | undefined): Uint32Array {
  if (tokenizer === undefined) {
    throw new UsageError("this model has no tokenizer.json, so the prompt must be token ids", { field: "prompt" });
  }
  return tokenizer.encode(text);
}
