import * as jinja from "@huggingface/jinja";
import * as v from "valibot";
import { TokenizerError } from "../errors.ts";
import { parseJson } from "./json.ts";
import { check } from "./schema.ts";
import type { Turn } from "./chat.ts";

/** What is used of the library; its own declarations leave out file endings, so TypeScript cannot follow them. */
interface Interpreting {
  run(program: unknown): unknown;
  evaluate(statement: unknown, environment: unknown): unknown;
}
const { Environment, Interpreter, parse, tokenize } = jinja as unknown as {
  readonly tokenize: (source: string, options: { readonly lstrip_blocks: boolean; readonly trim_blocks: boolean }) => unknown;
  readonly parse: (tokens: unknown) => unknown;
  readonly Environment: new () => { set(name: string, value: unknown): void };
  readonly Interpreter: new (environment: unknown) => Interpreting;
};

/** How a model wants conversations written: a Jinja template, and the tokens that it may name. */
export interface ChatTemplate {
  readonly source: string;
  readonly bosToken: string | undefined;
  readonly eosToken: string | undefined;
}

/** Writes a conversation. */
export type RenderTemplate = (turns: readonly Turn[]) => string;

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

/**
 * Parses a template. What it gives throws TokenizerError when the template refuses a conversation (`raise_exception`), fails,
 * or goes on for too long.
 * @throws TokenizerError when it is no Jinja template.
 */
export function compileTemplate(template: ChatTemplate): RenderTemplate {
  const program = guard("cannot be read", () => parse(tokenize(template.source, { lstrip_blocks: true, trim_blocks: true })));
  return (turns) => guard("cannot write this conversation", () => {
    const environment = new Environment();
    const globals = {
      true: true, false: false, none: null, True: true, False: false, None: null,
      bos_token: template.bosToken ?? "", eos_token: template.eosToken ?? "",
      messages: turns, add_generation_prompt: true, tools: null, documents: null,
      raise_exception: (message: unknown) => { throw new Refusal(String(message)); },
      range, strftime_now: today,
    };
    for (const [name, value] of Object.entries(globals)) environment.set(name, value);
    const { value } = new BoundedInterpreter(environment).run(program) as { value: unknown };
    const text = String(value);
    if (text.length > TEMPLATE_LIMITS.text) throw new Error("it writes too much");
    return text;
  });
}

/** What a template says itself. */
class Refusal extends Error {}

/** A template may hold loops that never end. */
class BoundedInterpreter extends Interpreter {
  #steps = 0;

  override evaluate(statement: unknown, environment: unknown): unknown {
    if (++this.#steps > TEMPLATE_LIMITS.steps) throw new Error(`it takes more than ${TEMPLATE_LIMITS.steps} steps`);
    return super.evaluate(statement, environment);
  }
}

/** Python's, for as many numbers as a template can need. */
function range(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (!(count <= TEMPLATE_LIMITS.range)) throw new Error(`range() gives more than ${TEMPLATE_LIMITS.range} numbers`);
  return Array.from({ length: count }, (_, i) => from + i * step);
}

const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/** Today (UTC) in the directives that templates use. */
function today(format: string): string {
  const now = new Date();
  const two = (n: number): string => String(n).padStart(2, "0");
  const month = MONTHS[now.getUTCMonth()] as string;
  const parts: Readonly<Record<string, string>> = {
    "%Y": String(now.getUTCFullYear()), "%m": two(now.getUTCMonth() + 1), "%d": two(now.getUTCDate()), "%B": month, "%b": month.slice(0, 3),
    "%H": two(now.getUTCHours()), "%M": two(now.getUTCMinutes()), "%S": two(now.getUTCSeconds()), "%%": "%",
  };
  return format.replace(/%[a-zA-Z%]/g, (directive) => parts[directive] ?? directive);
}

function guard<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.slice(0, 300) : "unknown error";
    throw new TokenizerError(cause instanceof Refusal ? reason : `${what}: ${reason}`, { field: "chat_template", cause });
  }
}
