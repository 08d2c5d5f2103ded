/** Longest token, in characters, that pieces are looked for in. */
const LONGEST = 128;

/**
 * The merges of a SentencePiece BPE vocabulary, best first. Its encoder (llama.cpp's llm_tokenizer_spm, as SentencePiece's own) joins the
 * two neighbours whose joint text is the token of the highest score; so every cut of a token in two tokens is a merge, and its score the
 * token's. Of cuts with one score the token of the lower id and then the earlier cut comes first, where the encoder takes the leftmost
 * place in the text: they differ only for overlapping cuts of one token.
 * @param scores of `tokens`
 */
export function mergesOfScores(tokens: readonly string[], scores: Float64Array): (readonly [string, string])[] {
  const known = new Set(tokens);
  const order = tokens.map((_, id) => id).sort((a, b) => scores[b]! - scores[a]! || a - b);
  const merges: (readonly [string, string])[] = [];
  for (const id of order) {
    const token = tokens[id]!;
    const first = token.codePointAt(0)! > 0xffff ? 2 : 1;
    if (token.length > LONGEST) continue;
    for (let at = first; at < token.length; at += token.codePointAt(at)! > 0xffff ? 2 : 1) {
      const [left, right] = [token.slice(0, at), token.slice(at)];
      if (known.has(left) && known.has(right)) merges.push([left, right]);
    }
  }
  return merges;
}
