import { FormatError, UsageError } from "../errors.ts";
import type { LoadedModel, Sequence } from "../engine/types.ts";
import { expertLayers } from "../architecture/config.ts";
import { SparsityCounter } from "../sparsity/stats.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { splitDocuments } from "./documents.ts";
import { integer } from "./options.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { Pacer } from "../pause.ts";
import { promptChunk } from "./plain/prompt.ts";

export interface EvaluateOptions {
  /** Most tokens of a document, BOS included; what is longer is cut. Default 256, or the model's context length if that is less. */
  readonly context?: number;
  /** Only the first so many documents; default all. */
  readonly maxDocuments?: number;
  /** Cancels: the promise is then rejected with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each document. */
  readonly onProgress?: (documents: number, total: number) => void;
}

const NAMES = { context: true, maxDocuments: true, signal: true, onProgress: true } satisfies OptionNames<EvaluateOptions>;

export interface Evaluation {
  /** Documents of at least two tokens. */
  readonly documents: number;
  /** How many of them were longer than the context. */
  readonly documentsCut: number;
  /** Predicted tokens: all but the first of each document. */
  readonly tokens: number;
  /** Mean negative log-likelihood of a predicted token, in nats. */
  readonly nll: number;
  readonly nllSum: number;
  /** exp(nll). */
  readonly perplexity: number;
  /** Token-level sparsity: share of (layer, token, expert) that is inactive; null for dense models. */
  readonly tls: number | null;
  /** Chunk-level sparsity for chunks of 2 to 32 tokens: share of experts inactive for the whole chunk; null where no chunk is whole. */
  readonly cls: Readonly<Record<string, number | null>> | null;
  /** Mean share of a token's experts that the next token uses too; null for dense models. */
  readonly reuseRatio: number | null;
}

const DEFAULT_CONTEXT = 256;

/**
 * Perplexity and sparsity of a model on a text. Documents (split at `<|endoftext|>`) each get a context of their own:
 * the tokens that tokenizer.json makes of them (BOS included), cut at `context`; tokens 2..n are predicted.
 * @throws UsageError for wrong options, a model without tokenizer, or a text without documents of two tokens; FormatError for NaN logits.
 */
export async function evaluate(
  model: LoadedModel,
  tokenizer: Tokenizer | undefined,
  text: string,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  checkOptions(options, NAMES, "evaluate");
  if (tokenizer === undefined) throw new UsageError(`${model.name} has no tokenizer.json, so it cannot be evaluated on text`);
  const { contextLength, ffn, layers } = model.config;
  const context = integer("context", options.context ?? Math.min(DEFAULT_CONTEXT, contextLength), 2, contextLength);
  const maxDocuments = integer("maxDocuments", options.maxDocuments ?? 0xffff_ffff, 1, 0xffff_ffff);
  const documents = splitDocuments(text, maxDocuments);
  const sparsity = ffn.kind === "experts" ? new SparsityCounter(layers, ffn.experts, expertLayers(model.config)) : undefined;
  const sequence = model.newSequence({ capacity: context });
  const pacer = new Pacer(model.pause);
  let counted = 0,
    cut = 0,
    tokens = 0,
    nllSum = 0;
  try {
    for (const [i, document] of documents.entries()) {
      options.signal?.throwIfAborted();
      const ids = tokenizer.encode(document);
      const kept = ids.subarray(0, context);
      if (kept.length >= 2) {
        nllSum += await documentNll(model, sequence, kept, sparsity, pacer, options.signal);
        counted++;
        tokens += kept.length - 1;
        if (kept.length < ids.length) cut++;
      }
      options.onProgress?.(i + 1, documents.length);
    }
  } finally {
    sequence.dispose();
  }
  if (tokens === 0) throw new UsageError("holds no document of two tokens or more", { field: "text" });
  const nll = nllSum / tokens;
  if (Number.isNaN(nll))
    throw new FormatError("the model computed NaN logits: its weights are damaged or overflow", { file: model.name, field: "logits" });
  const { tls = null, cls = null, reuseRatio = null } = sparsity?.result() ?? {};
  return { documents: counted, documentsCut: cut, tokens, nll, nllSum, perplexity: Math.exp(nll), tls, cls, reuseRatio };
}

/** Sum of the negative log-likelihoods of tokens 2..n of one document. */
async function documentNll(
  model: LoadedModel,
  sequence: Sequence,
  ids: Uint32Array,
  sparsity: SparsityCounter | undefined,
  pacer: Pacer,
  signal: AbortSignal | undefined,
): Promise<number> {
  sequence.truncate(0);
  let sum = 0;
  const step = Math.min(promptChunk(model), model.maxLogitRows);
  for (let at = 0; at < ids.length; at += step) {
    const chunk = ids.subarray(at, at + step);
    const result = sequence.forward(chunk, { logits: "all" });
    sparsity?.addDocumentChunk(result.activeExperts, result.rows);
    for (let row = 0; row < chunk.length; row++) {
      const next = ids[at + row + 1];
      if (next !== undefined) sum += result.withLogits(row, (logits) => negativeLogLikelihood(logits, next));
    }
    if (pacer.due) await pacer.pause();
    signal?.throwIfAborted();
  }
  sparsity?.endDocument();
  return sum;
}

/** -log softmax(logits)[id], in float64. */
export function negativeLogLikelihood(logits: Float32Array, id: number): number {
  let max = -Infinity;
  for (const logit of logits) if (logit > max) max = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - max);
  return Math.log(sum) + max - (logits[id] as number);
}
