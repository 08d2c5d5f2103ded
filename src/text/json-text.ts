import { foreignFile } from "../foreign.ts";

/** A JSON value, or what is wrong with its text, as the rest of an error message. */
export type JsonText = { readonly value: unknown } | { readonly problem: string; readonly cause?: unknown };

/**
 * Parses a JSON file as Python does, which writes the models' files: with `Infinity`, `-Infinity` and `NaN`, of which the last becomes the
 * text "NaN" (whoever needs a number there says that it is none). A byte-order mark is passed over.
 */
export function parseJsonText(bytes: Uint8Array): JsonText {
  let text: string;
  try {
    // Passes over a byte-order mark.
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    return { problem: foreignFile(bytes) ?? "is not UTF-8 text", cause };
  }
  try {
    return { value: JSON.parse(text) };
  } catch (cause) {
    const foreign = foreignFile(bytes);
    if (foreign !== undefined) return { problem: foreign };
    try {
      if (!/Infinity|NaN/.test(text)) throw cause;
      return { value: JSON.parse(withoutConstants(text)) };
    } catch {
      return { problem: "is not JSON; use the file that was published with the model", cause };
    }
  }
}

/** Python's constants outside of strings, as JSON: infinities as numbers beyond any double. Takes one pass, whatever the text. */
function withoutConstants(text: string): string {
  const constant = /Infinity|NaN/y;
  let out = "";
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === "\\") i++;
    } else if (c === "I" || c === "N") {
      constant.lastIndex = i;
      const found = constant.exec(text)?.[0];
      if (found === undefined) continue;
      out += text.slice(from, i) + (found === "NaN" ? '"NaN"' : "1e999");
      from = i + found.length;
      i = from - 1;
    }
  }
  return out + text.slice(from);
}
