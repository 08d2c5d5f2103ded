import { TokenizerError } from "../errors.ts";
import type { ChatTemplate } from "./chat-template.ts";
import { compileTemplate, type RenderOptions, type RenderTemplate } from "./render-template.ts";
import type { EncodeOptions, Tokenizer } from "./tokenizer.ts";
import type { Turn } from "./turn.ts";
import type { Paced } from "./within.ts";

/** Characters that no text has (Unicode noncharacters): they mark places while a template is rendered. */
const FIRST_MARK = 0xfdd0;
const MARKS = 32;

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

  /** The text that stands for a conversation. @throws TokenizerError when the template refuses it, saying why. */
  render(turns: readonly Turn[], options: RenderOptions = {}): string {
    return this.#render === undefined ? joined(turns) : this.#render(turns, options);
  }

  /** @throws TokenizerError when the template refuses the conversation, saying why. */
  encode(turns: readonly Turn[], render: RenderOptions = {}): Uint32Array {
    const { text, options } = this.#write(turns, render);
    return this.#tokenizer.encode(text, options);
  }

  /**
   * The same for strangers' conversations, as `Tokenizer.encodeWithin` has it.
   * @throws LimitError when it has more than `limit` ids; the signal's reason when it is aborted.
   */
  async encodeWithin(turns: readonly Turn[], limit: number, paced: Paced = {}, render: RenderOptions = {}): Promise<Uint32Array> {
    const { text, options } = this.#write(turns, render);
    return this.#tokenizer.encodeWithin(text, limit, { ...options, ...paced });
  }

  /** The text that stands for a conversation, and how it is to be read. */
  #write(turns: readonly Turn[], render: RenderOptions): { readonly text: string; readonly options: EncodeOptions } {
    if (this.#render === undefined) return { text: joined(turns), options: { parseSpecial: false } };
    const mark = freeMark(JSON.stringify([turns, render.tools]));
    const marked = turns.map((turn) => ({
      ...turn,
      content: this.#mark(turn.content, mark),
      ...(turn.name === undefined ? {} : { name: this.#mark(turn.name, mark) }),
    }));
    const tools = render.tools === undefined ? {} : { tools: this.#markAll(render.tools, mark) };
    const literal = new Set<number>();
    let text = "";
    for (const [i, part] of this.#render(marked, { ...render, ...tools })
      .split(mark)
      .entries()) {
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
