import { tokenList } from "../../src/decode/plain/prompt.ts";
import type { DecodeOptions, EncodeOptions } from "../../src/text/tokenizer-options.ts";
import type { Connection } from "./connection.ts";

/** The tokenizer of a model in a worker, with the manners of `Tokenizer`, later. */
export class RemoteTokenizer {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Token ids of a text, with the special tokens that tokenizer.json asks for. */
  encode(text: string, options: EncodeOptions = {}): Promise<Uint32Array> {
    return this.#connection.value((id) => ({ type: "encode", id, text, options }));
  }

  /** Ids that `encode` gives for a text. */
  async count(text: string, options: EncodeOptions = {}): Promise<number> {
    return (await this.encode(text, options)).length;
  }

  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): Promise<string> {
    return this.#connection.value((id) => ({ type: "decode", id, ids: tokenList(ids), options }));
  }
}
