import { convertModel } from "../../src/load/convert.ts";
import { loadModel } from "../../src/load/load.ts";
import { Model } from "../../src/model.ts";
import { MemoryFiles } from "./memory-files.ts";
import { bytesSource, testHost } from "./test-host.ts";
import { TINY_CONFIGS, type ConfigJson } from "./tiny-checkpoint.ts";
import { tinyEagleFiles, tinyWeights } from "./tiny-packed.ts";
import { TINY_VOCAB, tinyTokenizerJson } from "./tiny-tokenizer.ts";

/** ChatML with the tiny tokenizer's special tokens. */
export const TINY_TEMPLATE =
  "{% for message in messages %}{{ bos_token }}{{ message.role }}\n{{ message.content }}{{ eos_token }}\n{% endfor %}" +
  "{% if tools %}{% for tool in tools %}{{ tool.name }};{% endfor %}{% endif %}" +
  "{% if add_generation_prompt %}{{ bos_token }}assistant\n{% endif %}";

export interface TinyChatOptions {
  readonly kind?: keyof typeof TINY_CONFIGS;
  readonly contextLength?: number;
  /** null: none. */
  readonly template?: string | null;
  /** Of generation_config.json; undefined: no such file. */
  readonly generation?: object;
}

/** The configuration of a tiny model with the tiny tokenizer's vocabulary. */
export function tinyChatConfig({ kind = "block", contextLength = 256 }: TinyChatOptions): ConfigJson {
  return { ...TINY_CONFIGS[kind], vocab_size: TINY_VOCAB, max_position_embeddings: contextLength };
}

/** Files of a tiny model that chats, with seeded random weights. */
export function tinyChatFiles(options: TinyChatOptions = {}): Record<string, Uint8Array | string> {
  const { template = TINY_TEMPLATE, generation } = options;
  const config = tinyChatConfig(options);
  const tokens = { bos_token: "<s>", eos_token: "</s>" };
  return {
    "config.json": JSON.stringify(config),
    "model.safetensors": tinyWeights(config),
    "tokenizer.json": tinyTokenizerJson(),
    "tokenizer_config.json": JSON.stringify(template === null ? tokens : { ...tokens, chat_template: template }),
    ...(generation === undefined ? {} : { "generation_config.json": JSON.stringify(generation) }),
  };
}

/** The same, packed as f32 with an EAGLE head. */
export async function tinyChatPacked(options: TinyChatOptions = {}): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const ranking = Array.from({ length: TINY_VOCAB }, (_, i) => TINY_VOCAB - 1 - i);
  const draft = { files: tinyEagleFiles(tinyChatConfig(options), ranking) };
  await convertModel(new MemoryFiles(tinyChatFiles(options)), "f32", (bytes) => void pieces.push(bytes.slice()), undefined, draft);
  return new Uint8Array(Buffer.concat(pieces));
}

/** The packed one, loaded. The caller disposes it. */
export async function tinyChatModel(options: TinyChatOptions = {}): Promise<Model> {
  const bytes = await tinyChatPacked(options);
  const host = { ...testHost, open: async () => ({ name: "tiny", single: true, open: async () => bytesSource(bytes, "tiny") }) };
  return new Model(await loadModel(host, "tiny", { tier: "simd" }));
}
