/** First id of the 256 byte tokens. */
export const FIRST_BYTE = 3;
const LETTERS = ["▁", ..."abcdefghijklmnopqrstuvwxyzT.,!?\"'-"];
const FIRST_LETTER = FIRST_BYTE + 256;

/** Entries of the tiny tokenizer: three special ones, bytes, letters. */
export const TINY_VOCAB = FIRST_LETTER + LETTERS.length;

/** A SentencePiece-style tokenizer.json without merges: letters are tokens, all else falls back to bytes; BOS 1, EOS 2. */
export function tinyTokenizerJson(): Uint8Array {
  const specials = ["<unk>", "<s>", "</s>"];
  const vocab: Record<string, number> = {};
  specials.forEach((token, id) => (vocab[token] = id));
  for (let byte = 0; byte < 256; byte++) vocab[`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`] = FIRST_BYTE + byte;
  LETTERS.forEach((letter, i) => (vocab[letter] = FIRST_LETTER + i));
  return new TextEncoder().encode(
    JSON.stringify({
      version: "1.0",
      added_tokens: specials.map((content, id) => ({
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
          { type: "Prepend", prepend: "▁" },
          { type: "Replace", pattern: { String: " " }, content: "▁" },
        ],
      },
      pre_tokenizer: null,
      post_processor: {
        type: "TemplateProcessing",
        single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
        pair: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
        special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
      },
      decoder: {
        type: "Sequence",
        decoders: [
          { type: "Replace", pattern: { String: "▁" }, content: " " },
          { type: "ByteFallback" },
          { type: "Fuse" },
          { type: "Strip", content: " ", start: 1, stop: 0 },
        ],
      },
      model: { type: "BPE", dropout: null, unk_token: "<unk>", fuse_unk: true, byte_fallback: true, vocab, merges: [] },
    }),
  );
}

/** Ids of the UTF-8 bytes of a text. */
export function byteIds(text: string): number[] {
  return Array.from(new TextEncoder().encode(text), (byte) => FIRST_BYTE + byte);
}
