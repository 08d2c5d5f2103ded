import { evaluate, type Evaluation } from "../../src/decode/evaluate.ts";
import type { Host } from "../../src/host.ts";
import { loadModel } from "../../src/load/load.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { folderInMemory, type OutputParts } from "./model-folder.ts";

export interface ValidationText {
  readonly text: string;
  readonly documents: number;
  readonly context: number;
}

/** Evaluates a model under training in the engine that will run it: the same numbers as `blockffn eval` on its folder. */
export async function validate(
  host: Host,
  files: readonly OutputParts[],
  { text, documents, context }: ValidationText,
  signal?: AbortSignal,
): Promise<Evaluation> {
  const folder = folderInMemory("the model under training", files);
  const model = await loadModel({ engine: (tier) => host.engine(tier), now: () => host.now(), open: async () => folder }, folder.name);
  try {
    const tokenizer = loadTokenizer(model.tokenizerJson as Uint8Array, "tokenizer.json");
    return await evaluate(model, tokenizer, text, { maxDocuments: documents, context, ...(signal === undefined ? {} : { signal }) });
  } finally {
    model.dispose();
  }
}
