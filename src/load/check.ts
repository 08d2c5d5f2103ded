import { FiniteSearch, finitePart } from "../../core/finite.ts";
import type { Part, WeightPlan } from "../../core/plan.ts";
import type { DraftLayout } from "../architecture/draft-head.ts";
import type { Engine } from "../engine/engine.ts";
import { FormatError } from "../errors.ts";

/**
 * Looks through the weights of a packed model, its draft head's included, for values that no training leaves (core/finite.ts). Goes along
 * while the weights are read.
 */
export class WeightCheck {
  readonly #search: EngineSearch;
  readonly #file: string;
  readonly #weights: number;
  /** In the order of the file. */
  readonly #parts: readonly { readonly part: Part; readonly at: number; readonly name: string }[];
  #next = 0;

  /** @param weights their address in the engine's memory. @param file the model's name, for errors. */
  constructor(engine: Engine, weights: number, plan: WeightPlan, draft: DraftLayout | undefined, file: string) {
    this.#search = new EngineSearch(engine);
    this.#file = file;
    this.#weights = weights;
    const parts = ({ parts }: WeightPlan, start: number, prefix: string) =>
      parts.map((part) => ({ part, at: start + part.offset, name: prefix + part.name }));
    this.#parts = [...parts(plan, 0, ""), ...(draft === undefined ? [] : parts(draft.plan, draft.weightsAt, "draft."))];
  }

  /** Checks the parts that end at or before `bytes` of the weights, each once. @throws FormatError naming the tensor. */
  upTo(bytes: number): void {
    for (let next = this.#parts[this.#next]; next !== undefined && next.at + next.part.bytes <= bytes; next = this.#parts[++this.#next]) {
      if (!finitePart(this.#search, next.part, this.#weights + next.at))
        throw new FormatError("holds NaN or infinite weights", { file: this.#file, field: next.name });
    }
  }
}

class EngineSearch extends FiniteSearch {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    super();
    this.#engine = engine;
  }

  floats(address: number, count: number): boolean {
    return this.#engine.exports.finiteFloats(address, count) !== 0;
  }

  scales(address: number, panels: number, panelSize: number, groups: number, stride: number): boolean {
    return this.#engine.exports.finiteScales(address, panels, panelSize, groups, stride) !== 0;
  }
}

/** A draft head's tokens must be different ones of the vocabulary. @throws FormatError */
export function checkDraftTokens(
  engine: Engine,
  weights: number,
  { tokensAt, config }: DraftLayout,
  vocabSize: number,
  file: string,
): void {
  if (tokensAt === undefined) return;
  const seen = new Uint8Array(vocabSize);
  for (const id of engine.u32(weights + tokensAt, config.draftVocab)) {
    if (id >= vocabSize || seen[id] === 1) {
      throw new FormatError(`holds the token ${id}${id >= vocabSize ? `, which is not in the vocabulary of ${vocabSize}` : " twice"}`, {
        file,
        field: "draft.tokens",
        limit: vocabSize - 1,
      });
    }
    seen[id] = 1;
  }
}
