import { TokenizerError } from "../errors.ts";
import type { ChatTemplate } from "./chat-template.ts";
import type { OptionNames } from "../options.ts";
import type { Turn } from "./turn.ts";
import { Refusal } from "./jinja/errors.ts";
import { parse } from "./jinja/parser.ts";
import { render } from "./jinja/renderer.ts";
import { fromJson, type Value } from "./jinja/values.ts";
import type { TemplateValues } from "./template-values.ts";

// Apart from chat-template.ts: whoever only loads models does not need the template language.

/** What a template is told beside the conversation. */
export interface RenderOptions {
  /** Ends with what an answer begins after; default true. */
  readonly addGenerationPrompt?: boolean;
  /** What the model may call, as JSON schemas, for templates that know of tools. */
  readonly tools?: readonly object[];
  /** What else the template may name, such as `enable_thinking`. */
  readonly values?: TemplateValues;
}

/** Names of `RenderOptions`. */
export const RENDER_OPTIONS = { addGenerationPrompt: true, tools: true, values: true } satisfies OptionNames<RenderOptions>;

/** Writes a conversation. */
export type RenderTemplate = (turns: readonly Turn[], options?: RenderOptions) => string;

/** Special tokens under the names that templates know. Those that a model has not are undefined. */
const TOKENS = {
  bos_token: "bosToken",
  eos_token: "eosToken",
  unk_token: "unkToken",
  pad_token: "padToken",
  sep_token: "sepToken",
  cls_token: "clsToken",
  mask_token: "maskToken",
} as const;

/**
 * Parses a template. What it gives throws TokenizerError when the template refuses a conversation (`raise_exception`), fails,
 * or takes more than RENDER_LIMITS.
 * @throws TokenizerError when it is no Jinja template.
 */
export function compileTemplate(template: ChatTemplate): RenderTemplate {
  const body = guard("cannot be read", () => parse(template.source));
  return (turns, { addGenerationPrompt = true, tools, values: more = {} } = {}) =>
    guard("cannot write this conversation", () => {
      const values = new Map<string, Value>([
        ["tools", tools === undefined ? null : fromJson(tools)],
        ["documents", null],
        ["add_generation_prompt", addGenerationPrompt],
      ]);
      for (const [name, key] of Object.entries(TOKENS)) if (template[key] !== undefined) values.set(name, template[key]);
      for (const [name, value] of Object.entries(more)) values.set(name, value);
      values.set("messages", fromJson(turns));
      return render(body, values);
    });
}

function guard<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.slice(0, 300) : "unknown error";
    throw new TokenizerError(cause instanceof Refusal ? reason : `${what}: ${reason}`, { field: "chat_template", cause });
  }
}
