import { LimitError } from "../../src/errors.ts";
import type { Lines } from "../io.ts";

/** Largest message: more would not fit any context. */
export const MAX_MESSAGE_BYTES = 16 << 20;
const BLOCK = '"""';

/**
 * Reads a message: a line; several, each but the last with a backslash at its end; or what stands between """ and """, as it is.
 * @returns undefined at the end of input
 * @throws LimitError for one that is too long.
 */
export async function readMessage(lines: Lines): Promise<string | undefined> {
  const first = await lines.next("> ");
  if (first === undefined) return undefined;
  const message = new Message();
  if (first.trimStart().startsWith(BLOCK)) {
    let line: string | undefined = first.trimStart().slice(BLOCK.length);
    for (; line !== undefined; line = await lines.next('" ')) {
      const end = line.trimEnd().endsWith(BLOCK);
      message.add(end ? line.trimEnd().slice(0, -BLOCK.length) : line);
      if (end) break;
    }
    return message.text.replace(/^\n|\n$/g, "");
  }
  let line: string | undefined = first;
  for (; line !== undefined; line = await lines.next("\\ ")) {
    const goesOn = /(^|[^\\])(\\\\)*\\$/.test(line);
    message.add(goesOn ? line.slice(0, -1) : line);
    if (!goesOn) break;
  }
  return message.text;
}

/** Lines put together, of bounded length. */
class Message {
  text = "";
  #empty = true;

  add(line: string): void {
    this.text = this.#empty ? line : `${this.text}\n${line}`;
    this.#empty = false;
    if (this.text.length > MAX_MESSAGE_BYTES)
      throw new LimitError(`holds a message of more than ${MAX_MESSAGE_BYTES} characters`, {
        file: "standard input",
        limit: MAX_MESSAGE_BYTES,
      });
  }
}
