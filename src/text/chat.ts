import { TokenizerError } from "../errors.ts";
import type { ChatTemplate } from "./chat-template.ts";
import { compileTemplate, type RenderTemplate } from "./render-template.ts";
import { checkTemplateValues, type TemplateValues } from "./template-values.ts";
import type { EncodeOptions, Tokenizer } from "./tokenizer.ts";
import type { Turn } from "./turn.ts";
import type { Paced } from "./within.ts";

/** Characters that no text has (Unicode noncharacters): they mark places while a template is rendered. */
const FIRST_MARK = 0xfdd0;
const MARKS = 32;

/** How a stranger's conversation is encoded, and the values of its template. */
export interface ChatPaced extends Paced {
  readonly values?: TemplateValues;
}

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

  /**
   * @param values what the template may name besides the conversation; a model without a template has no use for them
   * @throws TokenizerError when the template refuses the conversation, saying why; UsageError for values that it cannot take.
   */
  encode(turns: readonly Turn[], values?: TemplateValues): Uint32Array {
    const { text, options } = this.#write(turns, values);
    return this.#tokenizer.encode(text, options);
  }

  /**
   * The same for strangers' conversations, as `Tokenizer.encodeWithin` has it.
   * @throws LimitError when it has more than `limit` ids; the signal's reason when it is aborted.
   */
  async encodeWithin(turns: readonly Turn[], limit: number, { values, ...paced }: ChatPaced = {}): Promise<Uint32Array> {
    const { text, options } = this.#write(turns, values);
    return this.#tokenizer.encodeWithin(text, limit, { ...options, ...paced });
  }

  /** The text that stands for a conversation, and how it is to be read. */
  #write(turns: readonly Turn[], given: TemplateValues = {}): { readonly text: string; readonly options: EncodeOptions } {
    const values = checkTemplateValues(given, "values");
    if (this.#render === undefined) return { text: turns.map(({ content }) => content).join("\n"), options: { parseSpecial: false } };
    const mark = freeMark([...turns.flatMap(({ content, name = "" }) => [content, name]), ...Object.values(values).map(String)]);
    const marked = turns.map((turn) => ({
      ...turn,
      content: this.#mark(turn.content, mark),
      ...(turn.name === undefined ? {} : { name: this.#mark(turn.name, mark) }),
    }));
    const named = Object.entries(values).map(([name, value]) => [name, typeof value === "string" ? this.#mark(value, mark) : value]);
    const literal = new Set<number>();
    let text = "";
    for (const [i, part] of this.#render(marked, Object.fromEntries(named) as TemplateValues)
      .split(mark)
      .entries()) {
      if (i > 0) literal.add(text.length);
      text += part;
    }
    return { text, options: { addBos: false, literal } };
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

function freeMark(texts: readonly string[]): string {
  for (let i = 0; i < MARKS; i++) {
    const mark = String.fromCharCode(FIRST_MARK + i);
    if (!texts.some((text) => text.includes(mark))) return mark;
  }
  throw new TokenizerError("hold every noncharacter from U+FDD0 to U+FDEF, which no text does", { field: "messages" });
}
