import { TokenizerError } from "../errors.ts";
import { parseChatTemplate, readChatTemplate, type ChatTemplate } from "./chat-template.ts";
import { parseGenerationDefaults, readGenerationDefaults, type GenerationDefaults } from "./generation-defaults.ts";
import { joined } from "./json-slices.ts";
import { parseTokenizerJson } from "./json.ts";
import { readTokenizerConfig, tokenizerFields, withConfiguredTokens, type TokenizerConfig } from "./tokenizer-config.ts";
import { readVocab } from "./vocab.ts";

/** All that a model says of text. Each is read when it is asked for: what a command does not need cannot stop it. */
export interface ModelText {
  /** Size of tokenizer.json as it is kept, 0 when there is none. @throws LimitError when it is too large. */
  readonly tokenizerBytes: number;
  /** Bytes of tokenizer.json, with the tokens that other files add; undefined when there is none. @throws TokenizerError, LimitError */
  readonly tokenizerJson: Uint8Array | undefined;
  /** How the model wants conversations written; undefined when it does not say. @throws TokenizerError, LimitError */
  readonly chatTemplate: ChatTemplate | undefined;
  /** How its makers want answers drawn; undefined when they do not say. @throws ConfigError, LimitError */
  readonly generationDefaults: GenerationDefaults | undefined;
}

/** The files of a folder that are about text. */
export const TEXT_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "chat_template.jinja",
  "chat_template.json",
  "generation_config.json",
] as const;

/** Gives a file's bytes, undefined when it is not there, or throws what kept it from being read. */
export type FileBytes = (name: (typeof TEXT_FILES)[number]) => Uint8Array | undefined;

/** What the files of a model folder say. */
export function folderText(file: FileBytes): ModelText {
  const configFiles = () => ({
    config: file("tokenizer_config.json"),
    specialTokens: file("special_tokens_map.json"),
    addedTokens: file("added_tokens.json"),
  });
  return lazy({
    tokenizerBytes: () => file("tokenizer.json")?.length ?? 0,
    tokenizerJson() {
      const json = file("tokenizer.json");
      return json === undefined ? undefined : merged(json, readTokenizerConfig(configFiles()));
    },
    chatTemplate() {
      const jinja = file("chat_template.jinja");
      const legacy = jinja === undefined ? file("chat_template.json") : undefined;
      const { added_tokens_decoder: _, ...fields } = tokenizerFields(configFiles());
      const template = legacy === undefined ? {} : tokenizerFields({ config: legacy });
      // The oldest place, which transformers reads for processors alone, comes last.
      return readChatTemplate(
        new TextEncoder().encode(JSON.stringify({ ...("chat_template" in fields ? {} : template), ...fields })),
        jinja,
      );
    },
    generationDefaults: () => readGenerationDefaults(file("generation_config.json")),
  });
}

/** An entry of a packed model's metadata, JSON, and where it stands for errors. */
export interface TextEntry {
  readonly json: string | undefined;
  readonly file: string;
  readonly field: string;
}

/** What a packed model's parts say. */
export function packedText(tokenizerJson: () => Uint8Array | undefined, template: TextEntry, generation: TextEntry): ModelText {
  return lazy({
    tokenizerBytes: () => tokenizerJson()?.length ?? 0,
    tokenizerJson,
    chatTemplate: () => parseChatTemplate(template.json, template.file, template.field),
    generationDefaults: () => parseGenerationDefaults(generation.json, generation.file, generation.field),
  });
}

/** What a GGUF file says: a tokenizer and a template. */
export function ggufText(tokenizerJson: () => Uint8Array | undefined, chatTemplate: () => ChatTemplate | undefined): ModelText {
  return lazy({ tokenizerBytes: () => tokenizerJson()?.length ?? 0, tokenizerJson, chatTemplate, generationDefaults: () => undefined });
}

/** The tokenizer.json that says by itself what all files of a folder say together; one that is not JSON is left to whoever reads it. */
function merged(bytes: Uint8Array, config: TokenizerConfig): Uint8Array {
  if (config.length === 0) return bytes;
  const file = "tokenizer.json";
  try {
    const { json, vocab, merges } = parseTokenizerJson(bytes, file);
    if (typeof json !== "object" || json === null || Array.isArray(json)) return bytes;
    const { added_tokens: listed, model, ...rest } = json as { readonly added_tokens?: unknown; readonly model?: object };
    let ids: ReadonlyMap<string, number> | undefined;
    const added = withConfiguredTokens(listed ?? [], () => (ids ??= readVocab(vocab, file)), config);
    if (added === undefined || vocab === undefined || merges === undefined) return bytes;
    const { vocab: _, merges: __, ...options } = model as Readonly<Record<string, unknown>>;
    const utf8 = new TextEncoder();
    // The large parts are written as they were read.
    return joined([
      utf8.encode(`{"model":${JSON.stringify(options).slice(0, -1)}${Object.keys(options).length === 0 ? "" : ","}"vocab":`),
      vocab.bytes,
      utf8.encode(',"merges":'),
      merges.bytes,
      utf8.encode(`},${JSON.stringify({ ...rest, added_tokens: added }).slice(1)}`),
    ]);
  } catch (error) {
    if (error instanceof TokenizerError) return bytes;
    throw error;
  }
}

/** Values that are made when they are first asked for; a failure is told each time. */
function lazy(make: { readonly [K in keyof ModelText]: () => ModelText[K] }): ModelText {
  const made = new Map<string, unknown>();
  const get = <T>(key: string, from: () => T): T => {
    if (!made.has(key)) made.set(key, from());
    return made.get(key) as T;
  };
  return {
    get tokenizerBytes() {
      return get("tokenizerBytes", make.tokenizerBytes);
    },
    get tokenizerJson() {
      return get("tokenizerJson", make.tokenizerJson);
    },
    get chatTemplate() {
      return get("chatTemplate", make.chatTemplate);
    },
    get generationDefaults() {
      return get("generationDefaults", make.generationDefaults);
    },
  };
}
