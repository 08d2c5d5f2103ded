import { SPACE } from "./words.ts";

const SPECIALS = ["<unk>", "<s>", "</s>"];
const BYTES = 256;
/** Id of the first token after the specials and the bytes. */
export const FIRST_TOKEN = SPECIALS.length + BYTES;

/**
 * A tokenizer.json in the form of the published models: SentencePiece-style BPE with byte fallback, BOS before each text.
 * @param tokens after the specials and the 256 bytes
 */
export function tokenizerFile(tokens: readonly string[], merges: readonly (readonly [string, string])[]): Uint8Array {
  const vocab = new Map<string, number>();
  for (const token of SPECIALS) vocab.set(token, vocab.size);
  for (let byte = 0; byte < BYTES; byte++) vocab.set(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`, vocab.size);
  for (const token of tokens) vocab.set(token, vocab.size);
  const bos = { SpecialToken: { id: "<s>", type_id: 0 } };
  return new TextEncoder().encode(
    `${JSON.stringify({
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: SPECIALS.map((content, id) => ({
        id,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
      normalizer: {
        type: "Sequence",
        normalizers: [
          { type: "Prepend", prepend: SPACE },
          { type: "Replace", pattern: { String: " " }, content: SPACE },
        ],
      },
      pre_tokenizer: null,
      post_processor: {
        type: "TemplateProcessing",
        single: [bos, { Sequence: { id: "A", type_id: 0 } }],
        pair: [
          bos,
          { Sequence: { id: "A", type_id: 0 } },
          { SpecialToken: { id: "<s>", type_id: 1 } },
          { Sequence: { id: "B", type_id: 1 } },
        ],
        special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
      },
      decoder: {
        type: "Sequence",
        decoders: [
          { type: "Replace", pattern: { String: SPACE }, content: " " },
          { type: "ByteFallback" },
          { type: "Fuse" },
          { type: "Strip", content: " ", start: 1, stop: 0 },
        ],
      },
      model: {
        type: "BPE",
        dropout: null,
        unk_token: "<unk>",
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: true,
        byte_fallback: true,
        ignore_merges: false,
        vocab: Object.fromEntries(vocab),
        merges: merges.map((pair) => pair.join(" ")),
      },
    })}\n`,
  );
}

/** Whether a file is one that `tokenizerFile` wrote: made again from its vocabulary and merges, it is the same. It may hold anything. */
export function isTokenizerFile(bytes: Uint8Array): boolean {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const { vocab, merges } = (JSON.parse(text) as { model: { vocab: Record<string, number>; merges: string[] } }).model;
    const tokens = Object.entries(vocab)
      .sort(([, a], [, b]) => a - b)
      .map(([token]) => token)
      .slice(FIRST_TOKEN);
    const again = tokenizerFile(
      tokens,
      merges.map((pair) => pair.split(" ") as [string, string]),
    );
    return new TextDecoder().decode(again) === text;
  } catch {
    return false;
  }
}
