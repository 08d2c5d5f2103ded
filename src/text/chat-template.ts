import * as v from "valibot";
import { TokenizerError } from "../errors.ts";
import { parseJson } from "./json.ts";
import { check } from "./schema.ts";

/** How a model wants conversations written: a Jinja template, and the tokens that it may name. */
export interface ChatTemplate {
  readonly source: string;
  readonly bosToken: string | undefined;
  readonly eosToken: string | undefined;
}

/** Longest template, in UTF-16 units, steps that one rendering may take, and text that it may write. */
export const TEMPLATE_LIMITS = { source: 1 << 18, steps: 1_000_000, text: 1 << 23, range: 100_000 } as const;

const Special = v.nullish(v.union([v.string(), v.looseObject({ content: v.string() })]));
const Named = v.looseObject({ name: v.string(), template: v.string() });
const ConfigSchema = v.looseObject({
  chat_template: v.nullish(v.union([v.string(), v.array(Named)])),
  bos_token: Special,
  eos_token: Special,
});

/**
 * Reads the chat template of a model folder.
 * @param config bytes of tokenizer_config.json, which names the tokens and, in most models, holds the template
 * @param jinja bytes of chat_template.jinja, which goes before it
 * @returns undefined when there is none
 * @throws TokenizerError naming file and field.
 */
export function readChatTemplate(config: Uint8Array | undefined, jinja: Uint8Array | undefined): ChatTemplate | undefined {
  const file = "tokenizer_config.json";
  const { chat_template: template, bos_token: bos, eos_token: eos } = config === undefined ? {} : check(ConfigSchema, parseJson(config, file), file, "");
  const inConfig = typeof template === "string" ? template : template?.find(({ name }) => name === "default")?.template;
  const source = jinja === undefined ? inConfig : decode(jinja);
  if (source === undefined || source === "") return undefined;
  const content = (token: typeof bos): string | undefined => (typeof token === "string" ? token : token?.content);
  return checked({ source, bosToken: content(bos), eosToken: content(eos) }, file, "chat_template");
}

const PackedSchema = v.object({ source: v.string(), bosToken: v.optional(v.string()), eosToken: v.optional(v.string()) });

/** Reads a chat template from a packed model, as JSON; undefined when there is none. @throws TokenizerError naming file and field. */
export function parseChatTemplate(json: string | undefined, file: string, field: string): ChatTemplate | undefined {
  if (json === undefined) return undefined;
  const { source, bosToken, eosToken } = check(PackedSchema, parseJson(new TextEncoder().encode(json), file), file, field);
  return checked({ source, bosToken, eosToken }, file, field);
}

function checked(template: ChatTemplate, file: string, field: string): ChatTemplate {
  if (template.source.length <= TEMPLATE_LIMITS.source) return template;
  throw new TokenizerError(`has more than ${TEMPLATE_LIMITS.source} characters`, { file, field, limit: TEMPLATE_LIMITS.source });
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new TokenizerError("is not UTF-8 text", { file: "chat_template.jinja", cause });
  }
}
