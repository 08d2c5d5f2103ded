import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import type { LoadedModel } from "../../src/engine/types.ts";

const TEXT = `The river begins in the hills north of the town, where rain falls on most days of the year. Farmers there keep sheep and grow
barley, oats and a few rows of beans behind their houses. In spring the snow melts within a week, and the bridge at the mill is closed until
the water has gone down. People who want to cross go to the old stone bridge, an hour's walk away. "It has stood for four hundred years,"
says the miller, "and nobody remembers who paid for it." Last year engineers measured its arches, found two cracks in the second pier and
asked the council for money. The council wanted to know three things first: what a new bridge would cost, how long it would take, and
whether lorries with more than twelve tonnes could use it. The answers filled forty pages.`;

/** The first `count` tokens of an English text; for models without a tokenizer, of a fixed sequence of ids. */
export function rowsText(model: LoadedModel, count: number): number[] {
  const json = model.tokenizerJson;
  const vocab = model.config.vocabSize;
  const ids =
    json === undefined
      ? Array.from({ length: count }, (_, i) => (i * 101 + 11) % vocab)
      : [...loadTokenizer(json, "tokenizer.json").encode(TEXT.replaceAll("\n", " "))];
  if (ids.length === 0) throw new Error("the text has no tokens");
  return Array.from({ length: count }, (_, i) => ids[i % ids.length]!);
}
