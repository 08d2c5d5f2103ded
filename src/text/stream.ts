import { checkOptions } from "../options.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { DECODE_OPTIONS, type DecodeOptions } from "./tokenizer-options.ts";

/** Turns ids into text one by one. */
export interface Detokenizer {
  /** Text that is complete with this id; empty while a UTF-8 character is unfinished. */
  push(id: number): string;
  /** What is left: U+FFFD for an unfinished character. The detokeniser then goes on as after other text. */
  flush(): string;
}

/**
 * Streams `tokenizer.decode(ids, options)`: all pieces together equal it, for any ids.
 *
 * A token's bytes do not depend on its neighbours, so all that is kept between calls is at most three bytes of an
 * unfinished character (in the TextDecoder) and whether the leading space is still to be dropped.
 */
export function createDetokenizer(tokenizer: Tokenizer, options: DecodeOptions = {}): Detokenizer {
  checkOptions(options, DECODE_OPTIONS, "createDetokenizer");
  const skip = options.skipSpecial !== false;
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const { char, count } = tokenizer.strip;
  let toStrip = options.continuation === true ? 0 : count;

  const strip = (text: string): string => {
    let start = 0;
    while (toStrip > 0 && start < text.length) {
      if (text[start] === char) {
        start++;
        toStrip--;
      } else {
        toStrip = 0;
      }
    }
    return start === 0 ? text : text.slice(start);
  };

  return {
    push(id) {
      if (skip && tokenizer.specialIds.has(id)) return "";
      return strip(decoder.decode(tokenizer.idToBytes(id), { stream: true }));
    },
    flush() {
      const rest = strip(decoder.decode());
      toStrip = 0;
      return rest;
    },
  };
}
