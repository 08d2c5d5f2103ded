import { promptChunk } from "../../src/decode/plain/prompt.ts";
import type { Drafter } from "../../src/decode/drafters/drafter.ts";
import { createRandom, type Random } from "../../src/decode/sampling/rng.ts";
import { layoutTree } from "../../src/decode/speculative/tree.ts";
import { UsageError } from "../../src/errors.ts";
import type { EagleHead } from "../../src/engine/eagle.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import type { EngineSequence } from "../../src/engine/sequence.ts";
import type { FfnMode } from "../../src/engine/types.ts";
import { syntheticEagle } from "../../synthetic/model.ts";
import { drawPath, TREE_WIDTH, type ModelTree } from "./acceptance.ts";
import { newDrafter } from "./drafters.ts";
import { ImposedRouting } from "./imposed.ts";
import { ACCEPT_NODES } from "./paper.ts";
import { RoutingTrace, type RoutingModel } from "./routing.ts";

/** Cache rows when decoding begins. */
export const PROMPT = 128;
/** Tokens that the synthetic drafter chooses from: FR-Spec (arXiv 2502.14856) drafts the most frequent ones only. */
const DRAFT_VOCAB = 16384;

/** A model, its trace, a sequence and a drafter, on which rounds of any mode are run. */
export class Bed {
  readonly #model: ModelInstance;
  readonly #random: Random = createRandom(17);
  readonly #trace: RoutingTrace | undefined;
  readonly #imposed: ImposedRouting | undefined;
  readonly #head: EagleHead | undefined;
  readonly #sequence: EngineSequence;
  readonly #hidden: Float32Array[] = [];
  readonly #prompt: number[];

  constructor(model: ModelInstance, routing: RoutingModel | undefined) {
    this.#model = model;
    this.#trace = routing === undefined ? undefined : new RoutingTrace(routing, model.config.layers, this.#random);
    this.#imposed = routing === undefined ? undefined : new ImposedRouting(model);
    this.#head = routing === undefined ? undefined : syntheticEagle(model, DRAFT_VOCAB);
    this.#sequence = model.newSequence({ capacity: PROMPT + 128 });
    this.#prompt = Array.from({ length: PROMPT }, () => this.#token());
    let before: Float32Array = new Float32Array(0);
    const most = promptChunk(model);
    for (let at = 0; at < PROMPT; at += most) {
      const chunk = this.#prompt.slice(at, at + most);
      this.#route(
        chunk.map((_, i) => i - 1),
        chunk.length - 1,
      );
      const result = this.#sequence.forward(chunk, { logits: "none" });
      for (let row = 0; row < chunk.length; row++) {
        this.#hidden.push(before);
        before = result.hidden(row);
      }
    }
  }

  get draftVocab(): number {
    return this.#head?.config.vocabSize ?? 0;
  }

  /** Rounds after the prompt, at least one and for `leastMs`; milliseconds of each. */
  visit(ffn: FfnMode, tree: ModelTree, leastMs: number): { passMs: number[]; draftMs: number[] } {
    this.#model.ffn = ffn;
    this.#sequence.truncate(PROMPT);
    const nodes = tree.parents.length;
    const drafter = nodes > 1 ? this.#drafter(tree) : undefined;
    const passMs: number[] = [];
    const draftMs: number[] = [];
    let spent = 0;
    do {
      if (this.#sequence.length + nodes > this.#sequence.capacity) this.#sequence.truncate(PROMPT);
      const path = drawPath(tree, this.#random);
      const tokens = tree.parents.map(() => this.#token());
      this.#route(tree.parents, path[path.length - 1] as number);
      if (drafter !== undefined) {
        const start = performance.now();
        drafter.propose(nodes);
        draftMs.push(performance.now() - start);
      }
      const start = performance.now();
      const layout = nodes === 1 ? undefined : layoutTree({ tokens, parents: tree.parents }, this.#sequence.length);
      const result = this.#sequence.forward(tokens, layout === undefined ? {} : { logits: "all", tree: layout });
      for (const row of path) result.argmax(layout === undefined ? 0 : row);
      const hidden = drafter === undefined ? [] : path.map((row) => result.hidden(row));
      if (path.length < result.rows) this.#sequence.keep(path);
      drafter?.accept(
        path.map((row) => tokens[row] as number),
        hidden,
      );
      const ms = performance.now() - start;
      passMs.push(ms);
      spent += ms + (draftMs[draftMs.length - 1] ?? 0);
    } while (spent < leastMs);
    drafter?.dispose();
    return { passMs, draftMs };
  }

  /** Grows trees as deep and as wide as this one; has read the prompt. */
  #drafter({ parents }: ModelTree): Drafter {
    if (this.#head === undefined) throw new UsageError("this model has no drafter");
    const { depths } = layoutTree({ tokens: parents.map(() => 0), parents }, 0);
    // The published accept lengths came from ten candidates a node.
    const width =
      parents.length >= ACCEPT_NODES
        ? TREE_WIDTH
        : Math.max(...parents.map((_, node) => parents.filter((parent) => parent === node).length));
    const drafter = newDrafter("eagle", this.#head, parents.length, this.#model.config.contextLength, {
      depth: Math.max(...depths),
      width,
    });
    drafter.accept(this.#prompt, this.#hidden);
    drafter.propose(parents.length);
    return drafter;
  }

  #route(parents: readonly number[], kept: number): void {
    this.#imposed?.set(this.#trace?.draw(parents) ?? new Uint32Array(0));
    this.#trace?.keep(kept);
  }

  #token(): number {
    return Math.floor(this.#random.float() * this.#model.config.vocabSize);
  }
}
