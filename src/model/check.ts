import { FormatError } from "../errors.ts";
import type { DraftLayout } from "../format/draft-head.ts";
import type { ModelInstance } from "./instance.ts";
import { F32, matrixBytes, panelBytes, scaleGroups, type WeightType } from "./panel.ts";
import type { Part, WeightPlan } from "./plan.ts";

/**
 * Looks through the weights of a packed model, its draft head's included, for values that no training leaves: NaN and infinity, in f32
 * and bf16 weights and in the scales of quantised blocks (integer weights have none). Goes along while the weights are read.
 */
export class WeightCheck {
  readonly #model: ModelInstance;
  /** In the order of the file. */
  readonly #parts: readonly { readonly part: Part; readonly at: number; readonly name: string }[];
  #next = 0;

  constructor(model: ModelInstance, draft: DraftLayout | undefined) {
    this.#model = model;
    const parts = (plan: WeightPlan, start: number, prefix: string) => plan.parts.map((part) => ({ part, at: start + part.offset, name: prefix + part.name }));
    this.#parts = [...parts(model.plan, 0, ""), ...(draft === undefined ? [] : parts(draft.plan, draft.weightsAt, "draft."))];
  }

  /** Checks the parts that end at or before `bytes` of the weights, each once. @throws FormatError naming the tensor. */
  upTo(bytes: number): void {
    const { addresses, name: file } = this.#model;
    for (let next = this.#parts[this.#next]; next !== undefined && next.at + next.part.bytes <= bytes; next = this.#parts[++this.#next]) {
      if (!finite(this.#model, next.part, addresses.weights + next.at)) throw new FormatError("holds NaN or infinite weights", { file, field: next.name });
    }
  }
}

/** A draft head's tokens must be different ones of the vocabulary. @throws FormatError */
export function checkDraftTokens(model: ModelInstance, draft: DraftLayout): void {
  if (draft.tokensAt === undefined) return;
  const { vocabSize } = model.config;
  const seen = new Uint8Array(vocabSize);
  for (const id of model.engine.u32(model.addresses.weights + draft.tokensAt, draft.config.draftVocab)) {
    if (id >= vocabSize || seen[id] === 1) {
      throw new FormatError(`holds the token ${id}${id >= vocabSize ? `, which is not in the vocabulary of ${vocabSize}` : " twice"}`, { file: model.name, field: "draft.tokens", limit: vocabSize - 1 });
    }
    seen[id] = 1;
  }
}

function finite(model: ModelInstance, part: Part, at: number): boolean {
  if (part.kind === "vector") return finiteFloats(model, at, part.bytes);
  if (part.kind === "matrix") {
    const bytes = matrixBytes(part.type, part.rows, part.cols);
    for (let i = 0; i < part.count; i++) if (!finiteMatrix(model, at + i * bytes, part.type, part.rows, part.cols)) return false;
    return true;
  }
  const { type, size, hidden } = part;
  const up = matrixBytes(type, size, hidden);
  for (let e = 0; e < part.experts; e++) {
    const expert = at + e * part.stride;
    if (!finiteMatrix(model, expert, type, size, hidden) || !finiteMatrix(model, expert + up, type, hidden, size)) return false;
  }
  return true;
}

function finiteMatrix(model: ModelInstance, at: number, type: WeightType, rows: number, cols: number): boolean {
  const bytes = matrixBytes(type, rows, cols);
  if (type === F32) return finiteFloats(model, at, bytes);
  const { count, stride } = scaleGroups(type, cols);
  const panel = panelBytes(type, cols);
  return model.engine.exports.finiteScales(at, bytes / panel, panel, count, stride) !== 0;
}

function finiteFloats(model: ModelInstance, at: number, bytes: number): boolean {
  return model.engine.exports.finiteFloats(at, bytes / 4) !== 0;
}
