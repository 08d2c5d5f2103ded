import type { LoadedModel } from "../engine/types.ts";
import { UsageError } from "../errors.ts";
import { generate } from "../decode/generate.ts";
import type { GenerateOptions } from "../decode/options.ts";
import { ChatFormat } from "../text/chat.ts";
import { loadTokenizer } from "../text/load-tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** An answer to one question, and where it begins. */
export interface Answer {
  readonly text: string;
  /** Token ids of the rendered question. */
  readonly prompt: Uint32Array;
  /** Token ids of the answer, with the end-of-sequence token if there was one. */
  readonly tokens: readonly number[];
}

/** A model that is asked one question at a time, through its chat template, with nothing kept between them. */
export class Asked {
  readonly model: LoadedModel;
  readonly tokenizer: Tokenizer;
  readonly #format: ChatFormat;

  /** @throws UsageError for a model without a tokenizer or a chat template */
  constructor(model: LoadedModel) {
    const json = model.tokenizerJson;
    if (json === undefined) throw new UsageError(`${model.name} has no tokenizer.json, and the suite asks in words`, { field: "model" });
    if (model.chatTemplate === undefined)
      throw new UsageError(`${model.name} has no chat template, and the suite asks questions; measure its text alone: eval --text`, {
        field: "model",
      });
    this.model = model;
    this.tokenizer = loadTokenizer(json, "tokenizer.json");
    this.#format = new ChatFormat(this.tokenizer, model.chatTemplate);
  }

  /** Token ids of a question in the model's chat format. */
  render(question: string): Uint32Array {
    return this.#format.encode([{ role: "user", content: question }]);
  }

  /** @throws what `generate` throws; the signal's reason */
  async answer(question: string, options: GenerateOptions): Promise<Answer> {
    const prompt = this.render(question);
    const generation = generate(this.model, this.tokenizer, prompt, options);
    for await (const piece of generation) void piece;
    const { text, tokens } = await generation.result();
    options.signal?.throwIfAborted();
    return { text, prompt, tokens };
  }
}
