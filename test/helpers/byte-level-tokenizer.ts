const MERGES = [
  "Ġ t",
  "h e",
  "Ġt he",
  "i n",
  "in g",
  "Ġ a",
  "a n",
  "n d",
  "Ġa nd",
  "o n",
  "l l",
  "he ll",
  "hell o",
  "Ġ hello",
  "Ġ w",
  "o r",
  "Ġw or",
  "l d",
  "Ġwor ld",
  "' s",
  "Ã ©",
  "ð Ł",
  "ðŁ ĺ",
  "ðŁĺ Ģ",
  "ä ½",
  "ä½ ł",
  "Ġ Ġ",
  "ĠĠ ĠĠ",
  "Ċ Ċ",
  "1 2",
  "12 3",
  "r e",
  "' re",
  "Ġ 1",
];
const SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

/** A small GPT-2 style byte-level tokenizer.json: 256 byte characters, a few merges, three special tokens; no BOS. */
export function byteLevelTokenizerJson(): Uint8Array {
  const vocab: Record<string, number> = {};
  for (const token of [...byteCharacters(), ...MERGES.map((merge) => merge.replace(" ", ""))]) vocab[token] = Object.keys(vocab).length;
  const first = Object.keys(vocab).length;
  return new TextEncoder().encode(
    JSON.stringify({
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: SPECIALS.map((content, i) => ({
        id: first + i,
        content,
        single_word: false,
        lstrip: false,
        rstrip: i === 1,
        normalized: false,
        special: true,
      })),
      normalizer: null,
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      post_processor: { type: "ByteLevel", add_prefix_space: true, trim_offsets: false, use_regex: true },
      decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
      model: {
        type: "BPE",
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: "",
        end_of_word_suffix: "",
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab,
        merges: MERGES,
      },
    }),
  );
}

/** GPT-2's characters for the bytes 0 to 255. */
function byteCharacters(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(/[!-~\u00a1-\u00ac\u00ae-\u00ff]/.test(String.fromCharCode(byte)) ? byte : next++),
  );
}
