import * as P from "../../../core/text/patterns.ts";

/** How a byte-level tokenizer cuts texts, as llama.cpp does: characters are not composed first, as Qwen's published tokenizers do. */
export interface PreTokenizer {
  readonly patterns: readonly string[];
  /** A word that is a token stays whole, whatever the merges say. */
  readonly ignoreMerges?: true;
  /** Texts begin with the first token where the file does not say. */
  readonly addBos?: true;
}

const GPT2: PreTokenizer = { patterns: [P.GPT2_WORDS] };
const DIGITS: PreTokenizer = { patterns: ["\\p{N}", P.GPT2_WORDS] };
const LLAMA3: PreTokenizer = { patterns: [P.LLAMA3_WORDS], ignoreMerges: true, addBos: true };
const LLAMA3_PLAIN: PreTokenizer = { patterns: [P.LLAMA3_WORDS] };
const QWEN2: PreTokenizer = { patterns: [P.QWEN2_WORDS] };
const O200K: PreTokenizer = { patterns: [P.O200K_WORDS] };
const DEEPSEEK_V3: PreTokenizer = { patterns: ["\\p{N}{1,3}", P.DEEPSEEK_HAN, P.DEEPSEEK_WORDS] };
const BLOOM: PreTokenizer = { patterns: [P.BLOOM_WORDS] };

/** By `tokenizer.ggml.pre`: the names that llama.cpp knows (llama-vocab.cpp) and whose patterns are among the published ones. */
export const PRE_TOKENIZERS: Readonly<Record<string, PreTokenizer>> = {
  default: { patterns: [P.PUNCTUATION, P.GPT2_WORDS, "\\p{N}+", "[0-9][0-9][0-9]"] },
  ...named(GPT2, "gpt-2 phi-2 mpt olmo jais gigachat trillion granite-docling mellum modern-bert exaone4 a.x-4.0"),
  ...named(DIGITS, "smollm starcoder refact command-r codeshell exaone minerva-7b mellum2"),
  ...named(LLAMA3, "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2"),
  ...named(LLAMA3_PLAIN, "dbrx smaug-bpe glm4 chatglm-bpe"),
  ...named(QWEN2, "qwen2 deepseek-r1-qwen megrez stablelm2 hunyuan solar-open kormo f2llmv2 grok-2"),
  qwen35: { patterns: [P.QWEN35_WORDS] },
  ...named(O200K, "gpt-4o llama4 kanana2 talkie"),
  tekken: { patterns: [P.TEKKEN_WORDS], ignoreMerges: true, addBos: true },
  ...named(DEEPSEEK_V3, "deepseek-v3 hunyuan-dense joyai-llm"),
  "deepseek-coder": { patterns: ["[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", P.CODER_HAN, "\\p{N}"] },
  ...named(BLOOM, "bloom poro-chat gpt3-finnish"),
  viking: { patterns: [P.BLOOM_WORDS, "\\p{N}"] },
};

function named(one: PreTokenizer, names: string): Readonly<Record<string, PreTokenizer>> {
  return Object.fromEntries(names.split(" ").map((name) => [name, one]));
}
