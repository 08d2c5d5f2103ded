import { FormatError } from "../errors.ts";
import type { DraftLayout } from "../architecture/draft-head.ts";
import type { Engine } from "../engine/engine.ts";
import { F32, matrixBytes, panelBytes, scaleGroups, type WeightType } from "../architecture/panel.ts";
import type { Part, WeightPlan } from "../architecture/plan.ts";

/**
 * Looks through the weights of a packed model, its draft head's included, for values that no training leaves: NaN and infinity, in f32
 * and bf16 weights and in the scales of quantised blocks (integer weights have none). Goes along while the weights are read.
 */
export class WeightCheck {
  readonly #engine: Engine;
  readonly #file: string;
  readonly #weights: number;
  /** In the order of the file. */
  readonly #parts: readonly { readonly part: Part; readonly at: number; readonly name: string }[];
  #next = 0;

  /** @param weights their address in the engine's memory. @param file the model's name, for errors. */
  constructor(engine: Engine, weights: number, plan: WeightPlan, draft: DraftLayout | undefined, file: string) {
    this.#engine = engine;
    this.#file = file;
    this.#weights = weights;
    const parts = ({ parts }: WeightPlan, start: number, prefix: string) => parts.map((part) => ({ part, at: start + part.offset, name: prefix + part.name }));
    this.#parts = [...parts(plan, 0, ""), ...(draft === undefined ? [] : parts(draft.plan, draft.weightsAt, "draft."))];
  }

  /** Checks the parts that end at or before `bytes` of the weights, each once. @throws FormatError naming the tensor. */
  upTo(bytes: number): void {
    for (let next = this.#parts[this.#next]; next !== undefined && next.at + next.part.bytes <= bytes; next = this.#parts[++this.#next]) {
      if (!finite(this.#engine, next.part, this.#weights + next.at)) throw new FormatError("holds NaN or infinite weights", { file: this.#file, field: next.name });
    }
  }
}

/** A draft head's tokens must be different ones of the vocabulary. @throws FormatError */
export function checkDraftTokens(engine: Engine, weights: number, { tokensAt, config }: DraftLayout, vocabSize: number, file: string): void {
  if (tokensAt === undefined) return;
  const seen = new Uint8Array(vocabSize);
  for (const id of engine.u32(weights + tokensAt, config.draftVocab)) {
    if (id >= vocabSize || seen[id] === 1) {
      throw new FormatError(`holds the token ${id}${id >= vocabSize ? `, which is not in the vocabulary of ${vocabSize}` : " twice"}`, { file, field: "draft.tokens", limit: vocabSize - 1 });
    }
    seen[id] = 1;
  }
}

function finite(engine: Engine, part: Part, at: number): boolean {
  if (part.kind === "vector") return finiteFloats(engine, at, part.bytes);
  if (part.kind === "matrix") {
    const bytes = matrixBytes(part.type, part.rows, part.cols);
    for (let i = 0; i < part.count; i++) if (!finiteMatrix(engine, at + i * bytes, part.type, part.rows, part.cols)) return false;
    return true;
  }
  const { type, size, hidden } = part;
  const up = matrixBytes(type, size, hidden);
  for (let e = 0; e < part.experts; e++) {
    const expert = at + e * part.stride;
    if (!finiteMatrix(engine, expert, type, size, hidden) || !finiteMatrix(engine, expert + up, type, hidden, size)) return false;
  }
  return true;
}

function finiteMatrix(engine: Engine, at: number, type: WeightType, rows: number, cols: number): boolean {
  const bytes = matrixBytes(type, rows, cols);
  if (type === F32) return finiteFloats(engine, at, bytes);
  const { count, stride } = scaleGroups(type, cols);
  const panel = panelBytes(type, cols);
  return engine.exports.finiteScales(at, bytes / panel, panel, count, stride) !== 0;
}

function finiteFloats(engine: Engine, at: number, bytes: number): boolean {
  return engine.exports.finiteFloats(at, bytes / 4) !== 0;
}
