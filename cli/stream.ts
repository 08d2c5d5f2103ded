import type { Piece } from "../src/decode/generation.ts";
import type { Io } from "./io.ts";

/** Writes text as it comes, and ends its last line. */
export async function streamText(io: Io, pieces: AsyncIterable<Piece>): Promise<void> {
  let last = "";
  for await (const { text } of pieces) {
    if (text === "") continue;
    await io.out(text);
    last = text;
  }
  if (!last.endsWith("\n")) await io.out("\n");
}
