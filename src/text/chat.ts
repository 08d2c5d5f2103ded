import { TokenizerError } from "../errors.ts";
import type { ChatTemplate } from "./chat-template.ts";
import { compileTemplate, type RenderOptions, type RenderTemplate } from "./render-template.ts";
import { checkTemplateValues } from "./template-values.ts";
import type { EncodeOptions, Tokenizer } from "./tokenizer.ts";
import type { Turn } from "./turn.ts";
import type { Paced } from "./within.ts";

/** Characters that no text has (Unicode noncharacters): they mark places while a template is rendered. */
const FIRST_MARK = 0xfdd0;
const MARKS = 32;

/** How a stranger's conversation is encoded, and what its template is told. */
export interface ChatPaced extends Paced, RenderOptions {}

/**
 * Makes token ids of a conversation: by the model's chat template, as Hugging Face's `apply_chat_template` does with
 * `add_generation_prompt`, or, where a model has none, plainly: the contents of all turns, one a line, for the model to go
 * on. Special tokens that are spelled out in a turn stay plain text: only the template can set them.
 */
export class ChatFormat {
  readonly #tokenizer: Tokenizer;
  readonly #render: RenderTemplate | undefined;

  /** @throws TokenizerError for a template that cannot be read. */
  constructor(tokenizer: Tokenizer, template: ChatTemplate | undefined) {
    this.#tokenizer = tokenizer;
    this.#render = template === undefined ? undefined : compileTemplate(template);
  }

  /** The text that stands for a conversation. @throws as `encode` does. */
  render(turns: readonly Turn[], options: RenderOptions = {}): string {
    checkTemplateValues(options.values ?? {}, "values");
    return this.#render === undefined ? joined(turns) : this.#render(turns, options);
  }

  /**
   * @param options what the template is told besides the conversation; a model without a template has no use for it
   * @throws TokenizerError when the template refuses the conversation, saying why; UsageError for values that it cannot take.
   */
  encode(turns: readonly Turn[], render: RenderOptions = {}): Uint32Array {
    const { text, options } = this.#write(turns, render);
    return this.#tokenizer.encode(text, options);
  }

  /**
   * The same for strangers' conversations, as `Tokenizer.encodeWithin` has it.
   * @throws LimitError when it has more than `limit` ids; the signal's reason when it is aborted.
   */
  async encodeWithin(turns: readonly Turn[], limit: number, chat: ChatPaced = {}): Promise<Uint32Array> {
    const { signal, pause, ...render } = chat;
    const { text, options } = this.#write(turns, render);
    return this.#tokenizer.encodeWithin(text, limit, { ...options, ...(signal && { signal }), ...(pause && { pause }) });
  }

  /** The text that stands for a conversation, and how it is to be read. */
  #write(turns: readonly Turn[], render: RenderOptions): { readonly text: string; readonly options: EncodeOptions } {
    const { tools, values: given = {} } = render;
    const values = checkTemplateValues(given, "values");
    if (this.#render === undefined) return { text: joined(turns), options: { parseSpecial: false } };
    const mark = freeMark(JSON.stringify([turns, tools, values]));
    const marked = turns.map((turn) => ({
      ...turn,
      content: this.#mark(turn.content, mark),
      ...(turn.name === undefined ? {} : { name: this.#mark(turn.name, mark) }),
    }));
    const more: RenderOptions = {
      ...render,
      ...(tools !== undefined && { tools: this.#markAll(tools, mark) }),
      values: this.#markAll(values, mark),
    };
    const literal = new Set<number>();
    let text = "";
    for (const [i, part] of this.#render(marked, more).split(mark).entries()) {
      if (i > 0) literal.add(text.length);
      text += part;
    }
    return { text, options: { addBos: false, literal } };
  }

  /** The same value with marks in all its texts. */
  #markAll<T>(value: T, mark: string): T {
    return JSON.parse(JSON.stringify(value), (_, part: unknown) => (typeof part === "string" ? this.#mark(part, mark) : part)) as T;
  }

  /** Puts the mark before every special token that is spelled out. */
  #mark(text: string, mark: string): string {
    let marked = "";
    let from = 0;
    for (const at of this.#tokenizer.specialsIn(text)) {
      marked += text.slice(from, at) + mark;
      from = at;
    }
    return marked + text.slice(from);
  }
}

/** What a model without a template goes on with. */
function joined(turns: readonly Turn[]): string {
  return turns.map(({ content }) => content).join("\n");
}

/** @param all every text that may have marks */
function freeMark(all: string): string {
  for (let i = 0; i < MARKS; i++) {
    const mark = String.fromCharCode(FIRST_MARK + i);
    if (!all.includes(mark)) return mark;
  }
  throw new TokenizerError("hold every noncharacter from U+FDD0 to U+FDEF, which no text does", { field: "messages" });
}
