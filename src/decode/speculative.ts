import { LimitError } from "../errors.ts";
import type { ForwardResult, LoadedModel, Sequence } from "../model/types.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { rowExperts } from "../sparsity/row.ts";
import type { Drafter, DraftTree } from "./drafters/drafter.ts";
import type { Piece, SpeculationResult } from "./generation.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Choice } from "./policy.ts";
import { Run } from "./run.ts";
import type { Speculation } from "./speculation.ts";
import { SpeculativeStats } from "./speculative-stats.ts";
import { checkTree, layoutTree, MAX_TREE_NODES } from "./tree.ts";
import { verifyTree } from "./verify.ts";

/** What a round leaves when its views are gone. */
interface Round {
  /** Confirmed tokens, in order. */
  readonly tokens: readonly number[];
  /** Active experts `[layers][words]` of each row that the cache kept: row i is the one that tokens[i] follows. */
  readonly experts: readonly Uint32Array[];
}

const LAST = { logits: "last" } as const;
const NO_STATE = new Float32Array(0);

/**
 * Decoding with drafts: propose a tree, run it as one chunk, keep the path that the model confirms. A row's logits do not depend
 * on the chunk it came in, and tokens are chosen from them as plain decoding does, with the same random numbers in the same order:
 * tokens, text and finish reason are those of plain decoding, whatever the sampler.
 */
export class SpeculativeRun extends Run {
  readonly #open: (capacity: number) => Speculation;
  #speculation: Speculation | undefined;
  #stats: SpeculativeStats | undefined;
  #needsHidden = false;
  // What a plain step hands over, kept from step to step.
  readonly #token = [0];
  readonly #state: Float32Array[] = [NO_STATE];
  /** Of the row that chose the token last, where pieces tell it. */
  #told: { readonly experts: Uint32Array } | undefined;

  /** @param open makes the drafters, when the generation starts, for so many tokens; they are disposed at its end */
  constructor(
    model: LoadedModel, tokenizer: Tokenizer | undefined, prompt: Uint32Array, options: ResolvedOptions, limit: number,
    open: (capacity: number) => Speculation,
  ) {
    super(model, tokenizer, prompt, options, limit);
    this.#open = open;
  }

  async *pieces(): AsyncGenerator<Piece, void, void> {
    if (this.aborted()) return;
    const sequence = this.model.newSequence({ capacity: this.capacity });
    this.sequence = sequence;
    const speculation = this.#open(this.capacity);
    this.#speculation = speculation;
    this.#needsHidden = speculation.drafters.some(({ needsHidden }) => needsHidden === true);
    this.#stats = new SpeculativeStats(this.sparsity === undefined ? 0 : this.model.config.layers, speculation.costs);
    const first = await this.#start(sequence);
    if (first === undefined) return;
    yield this.accept(first, this.#told);
    if (this.output.finish !== undefined) return;
    let root = first;
    for (;;) {
      if (this.pacer.due) await this.pacer.pause();
      if (this.aborted()) return;
      // Plain decoding would go on, so there is a place for the root at least.
      const choice = speculation.policy.choose(Math.min(MAX_TREE_NODES, this.model.maxChunk, this.capacity - sequence.length));
      if (choice.nodes === 1) {
        root = this.#step(sequence, root);
        yield this.accept(root, this.#told);
        if (this.output.finish !== undefined) return;
        continue;
      }
      const { tokens, experts } = this.#round(sequence, root, choice);
      for (const [i, id] of tokens.entries()) {
        if (this.aborted()) return;
        // Only rows that plain decoding would have computed count as sparsity.
        this.sparsity?.addDocumentChunk(experts[i]!, 1);
        yield this.accept(id, this.#tells(experts[i]));
        if (this.output.finish !== undefined) return;
        root = id;
      }
    }
  }

  override finish(): ReturnType<Run["finish"]> {
    for (const drafter of this.#speculation?.drafters ?? []) drafter.dispose();
    return super.finish();
  }

  protected override speculation(): SpeculationResult {
    return (this.#stats ?? new SpeculativeStats(this.sparsity === undefined ? 0 : this.model.config.layers, undefined)).result();
  }

  /** What the piece of a token tells: the experts of the row that it follows, in whatever chunk that was. */
  #tells(experts: Uint32Array | undefined): { readonly experts: Uint32Array } | undefined {
    return this.tracing && experts !== undefined ? { experts } : undefined;
  }

  /** Prefill; the drafters see the prompt and the first token. */
  async #start(sequence: Sequence): Promise<number | undefined> {
    const { policy } = this.#speculation!;
    // State before the next token; none before the first one.
    let before: Float32Array = NO_STATE;
    const id = await this.prefill(sequence, (chunk, result, ms) => {
      if (this.tracing) this.#told = this.#tells(rowExperts(result.activeExperts, this.model.config.layers, result.rows, result.rows - 1));
      policy.observe(chunk.length, ms);
      if (!this.#needsHidden) return this.#tell(chunk, undefined);
      const hidden = [before, ...Array.from({ length: chunk.length - 1 }, (_, row) => result.hidden(row))];
      before = result.hidden(chunk.length - 1).slice();
      this.#tell(chunk, hidden);
    });
    if (id !== undefined) this.#tell([id], [before]);
    return id;
  }

  /** A plain step: as in plain decoding, and the drafters are told of it. @returns the next token */
  #step(sequence: Sequence, root: number): number {
    const start = performance.now();
    this.#token[0] = root;
    const result = sequence.forward(this.#token, LAST);
    const experts = this.sparsity?.addDocumentChunk(result.activeExperts, 1) ?? 0;
    if (this.tracing) this.#told = this.#tells(rowExperts(result.activeExperts, this.model.config.layers, 1, 0));
    const id = this.choose(result, 0);
    this.#token[0] = id;
    if (this.#needsHidden) this.#state[0] = result.hidden(0);
    this.#tell(this.#token, this.#state);
    const ms = performance.now() - start;
    this.#stats!.plain(ms, experts);
    this.#speculation!.policy.recordPlain(ms);
    this.decodeMs += ms;
    return id;
  }

  #round(sequence: Sequence, root: number, choice: Choice): Round {
    const start = performance.now();
    const { drafter, nodes } = choice;
    const arrears = drafter?.arrears ?? 0;
    const tree = this.#propose(drafter, nodes) ?? { tokens: [root], parents: [-1] };
    checkTree(tree, nodes);
    const drafted = performance.now();
    // Without a draft it is a plain step, at the price of one.
    const layout = tree.tokens.length === 1 ? undefined : layoutTree(tree, sequence.length);
    const result = sequence.forward(tree.tokens, layout === undefined ? LAST : { logits: "all", tree: layout });
    const { path, emitted } = verifyTree(tree, (node) => this.choose(result, node));
    const { rows } = result;
    this.#stats!.chunk(rows, result.activeExperts);
    const experts = this.sparsity === undefined ? [] : this.#experts(result, path);
    const hidden = this.#needsHidden ? path.map((row) => result.hidden(row).slice()) : undefined;
    if (path.length < rows) sequence.keep(path);
    // After the views were read: a drafter may run the engine.
    this.#tell(emitted, hidden);
    const ms = performance.now() - start;
    const draftMs = drafted - start;
    const outcome = { draftMs, verifyMs: ms - draftMs, arrears, rows, depth: layout === undefined ? 0 : Math.max(...layout.depths), tokens: path.length };
    this.#stats!.round(choice, outcome);
    this.#speculation!.policy.record(choice, outcome);
    this.decodeMs += ms;
    return { tokens: emitted, experts };
  }

  /** A drafter's tree. Where there is no memory to draft with, `auto` goes on without it: plain decoding would. */
  #propose(drafter: Drafter | undefined, nodes: number): DraftTree | undefined {
    try {
      return drafter?.propose(nodes);
    } catch (error) {
      if (!(error instanceof LimitError) || !this.#speculation!.policy.giveUp(drafter!)) throw error;
      return undefined;
    }
  }

  #tell(tokens: ArrayLike<number>, hidden: readonly Float32Array[] | undefined): void {
    for (const drafter of this.#speculation!.drafters) {
      if (drafter.needsHidden === true) drafter.accept(tokens, hidden);
      else drafter.accept(tokens);
    }
  }

  /** Copies of the active experts of a path's rows. */
  #experts({ activeExperts, rows }: ForwardResult, path: readonly number[]): Uint32Array[] {
    const { layers } = this.model.config;
    return path.map((row) => rowExperts(activeExperts, layers, rows, row));
  }
}
