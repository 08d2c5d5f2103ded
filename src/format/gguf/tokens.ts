import { Limits } from "../../../core/limits.ts";
import type { ModelConfig } from "../../architecture/config.ts";
import type { Metadata } from "./metadata.ts";

/** Token types (ggml docs/gguf.md). */
export const TOKEN = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** What the tokenizer of a file is: SentencePiece's (`llama`) or byte-level BPE (`gpt2`). */
export type TokenizerModel = "llama" | "gpt2";

/** Ids that a file without the keys means, by tokenizer (llama.cpp's llama-vocab.cpp). */
const DEFAULTS: Readonly<Record<string, { readonly bos: number; readonly eos: number; readonly unknown?: number }>> = {
  llama: { bos: 1, eos: 2, unknown: 0 },
  gpt2: { bos: 11, eos: 11 },
};

/** Control tokens that end a turn or text whatever the ids of the file say, as llama.cpp has them. */
const ENDS = [
  "<|eot_id|>",
  "<|im_end|>",
  "<|end|>",
  "<end_of_turn>",
  "<|endoftext|>",
  "</s>",
  "<|eom_id|>",
  "<EOT>",
  "[EOT]",
  "[EOS]",
  "<|end_of_text|>",
  "<end_of_utterance>",
  "<eos>",
  "<｜end▁of▁sentence｜>",
];

/** An id of `tokenizer.ggml.*_token_id`; undefined where the file, and its tokenizer's default, name none in the vocabulary. */
export function tokenId(metadata: Metadata, name: "bos" | "eos" | "eot" | "eom" | "unknown" | "padding"): number | undefined {
  const count = metadata.texts("tokenizer.ggml.tokens")?.length ?? 0;
  const key = `tokenizer.ggml.${name}_token_id`;
  const known = DEFAULTS[metadata.text("tokenizer.ggml.model") ?? ""];
  const otherwise = name === "bos" || name === "eos" || name === "unknown" ? known?.[name] : undefined;
  // Converters write -1, as a u32, for none.
  const id = metadata.has(key) ? metadata.size(key, 2 ** 32 - 1, undefined, -1) : otherwise;
  return id === undefined || id < 0 || id >= count ? undefined : id;
}

/** The first token of a text, and those that end it. */
export function stopTokens(metadata: Metadata, vocabSize: number): Pick<ModelConfig, "bosTokenId" | "eosTokenIds"> {
  const tokens = metadata.texts("tokenizer.ggml.tokens") ?? [];
  const types = metadata.numbers("tokenizer.ggml.token_type");
  const named = ["eos", "eot", "eom"].map((name) => tokenId(metadata, name as "eos"));
  const byText = ENDS.map((text) => tokens.indexOf(text)).filter((id) => id >= 0 && types?.[id] === TOKEN.control);
  const ids = [...new Set([...named, ...byText])].filter((id): id is number => id !== undefined && id < vocabSize);
  const bos = tokenId(metadata, "bos");
  return { bosTokenId: bos !== undefined && bos < vocabSize ? bos : undefined, eosTokenIds: ids.slice(0, Limits.eosTokens) };
}
