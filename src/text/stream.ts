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
 * unfinished character (in the TextDecoder), whether this is the start of a text, and what the last token has otherwise if
 * no other one follows.
 */
export function createDetokenizer(tokenizer: Tokenizer, options: DecodeOptions = {}): Detokenizer {
  checkOptions(options, DECODE_OPTIONS, "createDetokenizer");
  const skip = options.skipSpecial !== false;
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const { char, count } = tokenizer.strip;
  let toStrip = options.continuation === true ? 0 : count;

  let first = options.continuation !== true;
  /** What is still to come of the last token: if another one follows, and if none does. */
  let held: { more: Uint8Array; end: Uint8Array } = { more: NOTHING, end: NOTHING };

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
      const bytes = tokenizer.idToBytes(id, { first });
      if (!tokenizer.endMatters) {
        first &&= bytes.length === 0 && tokenizer.idToToken(id) === undefined;
        return strip(decoder.decode(bytes, { stream: true }));
      }
      if (tokenizer.idToToken(id) === undefined) return "";
      const end = tokenizer.idToBytes(id, { first, last: true });
      first = false;
      const before = decoder.decode(held.more, { stream: true });
      const same = common(bytes, end);
      held = { more: bytes.subarray(same), end: end.subarray(same) };
      return strip(before + decoder.decode(bytes.subarray(0, same), { stream: true }));
    },
    flush() {
      const rest = strip(decoder.decode(held.end));
      held = { more: NOTHING, end: NOTHING };
      first = false;
      toStrip = 0;
      return rest;
    },
  };
}

const NOTHING = new Uint8Array(0);

/** How many bytes two arrays begin with alike. */
function common(a: Uint8Array, b: Uint8Array): number {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return i;
}
