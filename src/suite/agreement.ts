import type { LoadedModel, Sequence } from "../engine/types.ts";
import { FormatError } from "../errors.ts";
import type { Pacer } from "../pause.ts";
import type { SparsityCounter } from "../sparsity/stats.ts";

/** Sums over predicted tokens; divide by `tokens`. */
export interface Agreement {
  tokens: number;
  /** Negative log-likelihood of the text's tokens, in nats. */
  nll: number;
  /** The same by the teacher; 0 without one. */
  teacherNll: number;
  /** Kullback-Leibler divergence of the model from the teacher, in nats. */
  kl: number;
  /** Tokens at which both find the same one likeliest. */
  same: number;
}

/** What `compare` adds to. */
export const noAgreement = (): Agreement => ({ tokens: 0, nll: 0, teacherNll: 0, kl: 0, same: 0 });

/** A model and the sequence that it reads with. */
export interface Reader {
  readonly model: LoadedModel;
  readonly sequence: Sequence;
  readonly sparsity?: SparsityCounter | undefined;
}

/**
 * Runs one document through a model, and through its teacher in step, and adds up how well tokens `from`.. are predicted.
 * @param ids token ids, at most what the sequences hold
 * @param from first token that counts, at least 1: a prompt before it is only context
 * @throws FormatError for NaN logits.
 */
export async function compare(
  sum: Agreement,
  reader: Reader,
  teacher: Reader | undefined,
  ids: Uint32Array,
  from: number,
  pacer: Pacer,
  signal: AbortSignal | undefined,
): Promise<void> {
  reader.sequence.truncate(0);
  teacher?.sequence.truncate(0);
  const step = Math.min(
    ...[reader, ...(teacher === undefined ? [] : [teacher])].map(({ model }) => Math.min(model.maxChunk, model.maxLogitRows)),
  );
  for (let at = 0; at < ids.length; at += step) {
    signal?.throwIfAborted();
    const chunk = ids.subarray(at, at + step);
    const result = reader.sequence.forward(chunk, { logits: "all" });
    reader.sparsity?.addDocumentChunk(result.activeExperts, result.rows);
    const taught = teacher?.sequence.forward(chunk, { logits: "all" });
    for (let row = 0; row < chunk.length; row++) {
      const next = ids[at + row + 1];
      if (next === undefined || at + row + 1 < from) continue;
      result.withLogits(row, (logits) => {
        if (taught === undefined) addOne(sum, logits, undefined, next);
        else taught.withLogits(row, (theirs) => addOne(sum, logits, theirs, next));
      });
    }
    if (pacer.due) await pacer.pause();
  }
  reader.sparsity?.endDocument();
  if (Number.isNaN(sum.nll))
    throw new FormatError("the model computed NaN logits: its weights are damaged or overflow", {
      file: reader.model.name,
      field: "logits",
    });
}

function addOne(sum: Agreement, logits: Float32Array, teacher: Float32Array | undefined, next: number): void {
  const own = logNormaliser(logits);
  sum.tokens++;
  sum.nll += own.log - (logits[next] as number);
  if (teacher === undefined) return;
  const theirs = logNormaliser(teacher);
  sum.teacherNll += theirs.log - (teacher[next] as number);
  if (own.best === theirs.best) sum.same++;
  for (let i = 0; i < teacher.length; i++) {
    const logP = (teacher[i] as number) - theirs.log;
    sum.kl += Math.exp(logP) * (logP - ((logits[i] as number) - own.log));
  }
}

/** Logarithm of the sum of exp(logits), in float64, and the likeliest token, the first of equals. */
function logNormaliser(logits: Float32Array): { readonly log: number; readonly best: number } {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if ((logits[i] as number) > (logits[best] as number)) best = i;
  const max = logits[best] as number;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - max);
  return { log: Math.log(sum) + max, best };
}
