import type { ForwardResult, LoadedModel, Sequence } from "../model/types.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { rowExperts } from "../sparsity/row.ts";
import { countUniqueExperts } from "../sparsity/union.ts";
import type { Drafter } from "./drafters/drafter.ts";
import { NgramDrafter } from "./drafters/ngram.ts";
import type { Piece, SpeculationResult } from "./generation.ts";
import { CostGuard } from "./guard.ts";
import type { ResolvedOptions } from "./options.ts";
import { Run } from "./run.ts";
import { checkTree, layoutTree, MAX_TREE_NODES } from "./tree.ts";
import { verifyGreedy } from "./verify.ts";

/** Nodes of a tree where no guard measures what they cost. */
const UNGUARDED_NODES = 8;

/** What a round leaves when its views are gone. */
interface Round {
  /** Confirmed tokens, in order. */
  readonly tokens: readonly number[];
  /** Active experts `[layers][words]` of each row that the cache kept: row i is the one that tokens[i] follows. */
  readonly experts: readonly Uint32Array[];
}

/**
 * Greedy decoding with drafts: propose a tree, run it as one chunk, keep the path that the model confirms. A row's logits
 * do not depend on the chunk it came in, so tokens, text and finish reason are those of plain decoding.
 */
export class SpeculativeRun extends Run {
  readonly #drafter: Drafter;
  readonly #guard: CostGuard | undefined;
  #firstExperts: Uint32Array | undefined;
  #rounds = 0;
  #confirmed = 0;
  #drafted = 0;
  #accepted = 0;
  #experts = 0;

  /** @param drafter taken over: disposed at the end; default: look-up in prompt and output */
  constructor(model: LoadedModel, tokenizer: Tokenizer | undefined, prompt: Uint32Array, options: ResolvedOptions, limit: number, drafter: Drafter = new NgramDrafter()) {
    super(model, tokenizer, prompt, options, limit);
    this.#drafter = drafter;
    this.#guard = options.speculate === "auto" ? new CostGuard({ now: () => performance.now() }) : undefined;
  }

  async *pieces(): AsyncGenerator<Piece, void, void> {
    if (this.aborted()) return;
    const sequence = this.model.newSequence({ capacity: this.capacity });
    this.sequence = sequence;
    const first = await this.#start(sequence);
    if (first === undefined) return;
    yield this.accept(first, this.#told(this.#firstExperts));
    if (this.output.finish !== undefined) return;
    let root = first;
    for (;;) {
      if (this.pacer.due) await this.pacer.pause();
      if (this.aborted()) return;
      const start = performance.now();
      const { tokens, experts } = this.#round(sequence, root);
      this.decodeMs += performance.now() - start;
      for (const [i, id] of tokens.entries()) {
        if (this.aborted()) return;
        // Only rows that plain decoding would have computed count as sparsity.
        this.sparsity?.addDocumentChunk(experts[i]!, 1);
        yield this.accept(id, this.#told(experts[i]));
        if (this.output.finish !== undefined) return;
        root = id;
      }
    }
  }

  override finish(): ReturnType<Run["finish"]> {
    this.#drafter.dispose();
    return super.finish();
  }

  protected override speculation(): SpeculationResult {
    const mean = (sum: number): number | null => (this.#rounds === 0 ? null : sum / this.#rounds);
    return {
      rounds: this.#rounds,
      acceptLength: mean(this.#confirmed),
      draftedTokens: this.#drafted,
      acceptedTokens: this.#accepted,
      expertsPerChunk: this.sparsity === undefined ? null : mean(this.#experts),
    };
  }

  #told(experts: Uint32Array | undefined): { experts: Uint32Array } | undefined {
    return this.tracing && experts !== undefined ? { experts } : undefined;
  }

  /** Prefill; the drafter sees the prompt and the first token. */
  async #start(sequence: Sequence): Promise<number | undefined> {
    const needsHidden = this.#drafter.needsHidden === true;
    // State before the next token; none before the first one.
    let before: Float32Array = new Float32Array(0);
    const choose = (result: ForwardResult): number => {
      if (this.tracing) this.#firstExperts = rowExperts(result.activeExperts, this.model.config.layers, result.rows, result.rows - 1);
      return result.argmax(0);
    };
    const id = await this.prefill(sequence, choose, (chunk, result, ms) => {
      this.#guard?.observe(chunk.length, ms);
      if (!needsHidden) {
        this.#drafter.accept(chunk);
        return;
      }
      const hidden = [before, ...Array.from(chunk, (_, row) => result.hidden(row).slice())];
      before = hidden.pop()!;
      this.#drafter.accept(chunk, hidden);
    });
    if (id !== undefined) this.#drafter.accept([id], needsHidden ? [before] : undefined);
    return id;
  }

  #round(sequence: Sequence, root: number): Round {
    // Plain decoding would go on, so there is a place for the root at least.
    const maxNodes = Math.min(MAX_TREE_NODES, this.model.maxChunk, this.capacity - sequence.length);
    const nodes = this.#guard?.choose(maxNodes) ?? Math.min(maxNodes, UNGUARDED_NODES);
    const tree = nodes === 1 ? { tokens: [root], parents: [-1] } : this.#drafter.propose(nodes);
    checkTree(tree, nodes);
    // Without a draft it is a plain step, at the price of one.
    const layout = tree.tokens.length === 1 ? undefined : layoutTree(tree, sequence.length);
    const result = sequence.forward(tree.tokens, layout === undefined ? { logits: "last" } : { logits: "all", tree: layout });
    const { path, emitted } = verifyGreedy(tree, (node) => result.argmax(node));
    const experts = this.#count(result, path);
    const hidden = this.#drafter.needsHidden === true ? path.map((row) => result.hidden(row).slice()) : undefined;
    if (path.length < result.rows) sequence.keep(path);
    // After the views were read: a drafter may run the engine.
    this.#drafter.accept(emitted, hidden);
    this.#guard?.record(result.rows, layout === undefined ? 0 : Math.max(...layout.depths), path.length);
    this.#rounds++;
    this.#confirmed += path.length;
    this.#drafted += result.rows - 1;
    this.#accepted += path.length - 1;
    return { tokens: emitted, experts };
  }

  /** Counts the chunk's experts, and copies those of the path's rows. */
  #count({ activeExperts, rows }: ForwardResult, path: readonly number[]): Uint32Array[] {
    if (this.sparsity === undefined) return [];
    const { layers } = this.model.config;
    this.#experts += countUniqueExperts(activeExperts, layers, rows) / layers;
    return path.map((row) => rowExperts(activeExperts, layers, rows, row));
  }
}
