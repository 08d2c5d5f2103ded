import * as v from "valibot";
import { TokenizerError } from "../errors.ts";
import { RENDER_LIMITS } from "./jinja/budget.ts";
import { parseJson } from "./json.ts";
import { check } from "./schema.ts";

/** How a model wants conversations written: a Jinja template, and the tokens that it may name. */
export interface ChatTemplate {
  readonly source: string;
  readonly bosToken: string | undefined;
  readonly eosToken: string | undefined;
  readonly unkToken?: string | undefined;
  readonly padToken?: string | undefined;
  readonly sepToken?: string | undefined;
  readonly clsToken?: string | undefined;
  readonly maskToken?: string | undefined;
}

/** Longest template, in UTF-16 units, steps that one rendering may take, and text that it may write. */
export const TEMPLATE_LIMITS = {
  source: 1 << 18,
  steps: RENDER_LIMITS.steps,
  text: RENDER_LIMITS.text,
  range: RENDER_LIMITS.range,
} as const;

const Special = v.nullish(v.union([v.string(), v.looseObject({ content: v.string() })]));
const Named = v.looseObject({ name: v.string(), template: v.string() });
const ConfigSchema = v.looseObject({
  chat_template: v.nullish(v.union([v.string(), v.array(Named)])),
  bos_token: Special,
  eos_token: Special,
  unk_token: Special,
  pad_token: Special,
  sep_token: Special,
  cls_token: Special,
  mask_token: Special,
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
  const read = config === undefined ? {} : check(ConfigSchema, parseJson(config, file), file, "");
  const source = jinja === undefined ? fromConfig(read.chat_template, file) : decode(jinja);
  if (source === undefined || source === "") return undefined;
  const content = (token: v.InferOutput<typeof Special>): string | undefined => (typeof token === "string" ? token : token?.content);
  const optional = {
    unkToken: content(read.unk_token),
    padToken: content(read.pad_token),
    sepToken: content(read.sep_token),
    clsToken: content(read.cls_token),
    maskToken: content(read.mask_token),
  };
  return checked(
    { source, bosToken: content(read.bos_token), eosToken: content(read.eos_token), ...given(optional) },
    file,
    "chat_template",
  );
}

/** The template itself, or the one called "default" of several. */
function fromConfig(template: v.InferOutput<typeof ConfigSchema>["chat_template"], file: string): string | undefined {
  if (typeof template !== "object" || template === null || template.length === 0) return (template as string | undefined) ?? undefined;
  const found = template.find(({ name }) => name === "default");
  if (found !== undefined) return found.template;
  const names = template
    .map(({ name }) => JSON.stringify(name.slice(0, 40)))
    .join(", ")
    .slice(0, 200);
  throw new TokenizerError(`has no template "default", only ${names}; put the one to use into chat_template.jinja`, {
    file,
    field: "chat_template",
  });
}

/** Without those that are undefined. */
function given<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

const Token = v.optional(v.string());
const PackedSchema = v.object({
  source: v.string(),
  bosToken: Token,
  eosToken: Token,
  unkToken: Token,
  padToken: Token,
  sepToken: Token,
  clsToken: Token,
  maskToken: Token,
});

/** Reads a chat template from a packed model, as JSON; undefined when there is none. @throws TokenizerError naming file and field. */
export function parseChatTemplate(json: string | undefined, file: string, field: string): ChatTemplate | undefined {
  if (json === undefined) return undefined;
  const { bosToken, eosToken, ...rest } = check(PackedSchema, parseJson(new TextEncoder().encode(json), file), file, field);
  return checked({ bosToken, eosToken, ...rest }, file, field);
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
