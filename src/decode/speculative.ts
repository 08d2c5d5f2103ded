import { LimitError } from "../errors.ts";
import type { ForwardResult, LoadedModel, Sequence } from "../model/types.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { rowExperts } from "../sparsity/row.ts";
import type { Drafter, DraftTree } from "./drafters/drafter.ts";
import { DrafterFeed, NO_STATE } from "./feed.ts";
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

/**
 * Decoding with drafts: propose a tree, run it as one chunk, keep the path that the model confirms. A row's logits do not depend
 * on the chunk it came in, and tokens are chosen from them as plain decoding does, with the same random numbers in the same order:
 * tokens, text and finish reason are those of plain decoding, whatever the sampler.
 */
export class SpeculativeRun extends Run {
  readonly #open: (capacity: number) => Speculation;
  #speculation: Speculation | undefined;
  #stats: SpeculativeStats | undefined;
  #feed!: DrafterFeed;

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
    const opened = performance.now();
    const speculation = this.#open(this.capacity);
    const { policy } = speculation;
    this.#speculation = speculation;
    this.#feed = new DrafterFeed(speculation.drafters);
    this.#stats = new SpeculativeStats(this.sparsity === undefined ? 0 : this.model.config.layers, speculation.costs);
    policy.overhead(performance.now() - opened);
    const first = await this.#start(sequence);
    if (first === undefined) return;
    yield this.accept(first, this.told);
    if (this.output.finish !== undefined) return;
    let root = first;
    for (;;) {
      if (this.pacer.due) await this.pacer.pause();
      if (this.aborted()) return;
      const choice = policy.rest > 0 ? policy.choose(1) : this.#choose(sequence);
      if (choice.nodes === 1) {
        root = this.#step(sequence, root);
        yield this.accept(root, this.told);
        if (this.output.finish !== undefined) return;
        continue;
      }
      const { tokens, experts } = this.#round(sequence, root, choice);
      for (const [i, id] of tokens.entries()) {
        if (this.aborted()) return;
        // Only rows that plain decoding would have computed count as sparsity.
        const start = performance.now();
        this.sparsity?.addDocumentChunk(experts[i]!, 1);
        this.#overhead(start);
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
    const stats = this.#stats ?? new SpeculativeStats(this.sparsity === undefined ? 0 : this.model.config.layers, undefined);
    return stats.result(this.#speculation?.policy.lossShare);
  }

  /** What the piece of a token tells: the experts of the row that it follows, in whatever chunk that was. */
  #tells(experts: Uint32Array | undefined): { readonly experts: Uint32Array } | undefined {
    return this.tracing && experts !== undefined ? { experts } : undefined;
  }

  /** What happened since `start` is in no round, and plain decoding does not do it. */
  #overhead(start: number): void {
    const ms = performance.now() - start;
    this.#speculation!.policy.overhead(ms);
    this.decodeMs += ms;
  }

  #choose(sequence: Sequence): Choice {
    const start = performance.now();
    // Plain decoding would go on, so there is a place for the root at least.
    const choice = this.#speculation!.policy.choose(Math.min(MAX_TREE_NODES, this.model.maxChunk, this.capacity - sequence.length));
    this.#overhead(start);
    return choice;
  }

  /** Prefill; the drafters see the prompt and the first token. */
  async #start(sequence: Sequence): Promise<number | undefined> {
    const { policy } = this.#speculation!;
    const feed = this.#feed;
    // Rows before this one are too old for their states to be read.
    const oldest = this.prompt.length - feed.window;
    let at = 0;
    // State before the next token; none before the first one.
    let before: Float32Array = NO_STATE;
    const id = await this.prefill(sequence, (chunk, result, ms) => {
      policy.observe(chunk.length, ms);
      const start = performance.now();
      if (this.tracing) this.told = this.#tells(rowExperts(result.activeExperts, this.model.config.layers, result.rows, result.rows - 1));
      if (feed.needsHidden) {
        const from = at;
        const hidden = [before, ...Array.from({ length: chunk.length - 1 }, (_, row) => (from + row < oldest ? NO_STATE : result.hidden(row)))];
        before = result.hidden(chunk.length - 1).slice();
        feed.tell(chunk, hidden);
      } else feed.tell(chunk);
      at += chunk.length;
      policy.overhead(performance.now() - start);
    });
    if (id !== undefined) feed.tellOne(id, before);
    return id;
  }

  /** A plain step, and the drafters are told of it. @returns the next token */
  #step(sequence: Sequence, root: number): number {
    const id = this.step(sequence, root);
    const { policy } = this.#speculation!;
    const feed = this.#feed;
    this.#stats!.plain(this.stepMs, this.stepExperts);
    policy.recordPlain(this.stepMs);
    const result = this.stepResult!;
    if (this.tracing) this.told = this.#tells(rowExperts(result.activeExperts, this.model.config.layers, 1, 0));
    if (policy.rest >= feed.window) {
      feed.wait(id);
      return id;
    }
    const start = performance.now();
    feed.tellOne(id, feed.needsHidden ? result.hidden(0) : NO_STATE);
    this.#overhead(start);
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
    const result = sequence.forward(tree.tokens, layout === undefined ? { logits: "last" } : { logits: "all", tree: layout });
    const { path, emitted } = verifyTree(tree, (node) => this.choose(result, node));
    const { rows } = result;
    this.#stats!.chunk(rows, result.activeExperts);
    const experts = this.sparsity === undefined ? [] : this.#experts(result, path);
    const hidden = this.#feed.needsHidden ? path.map((row) => result.hidden(row).slice()) : undefined;
    if (path.length < rows) sequence.keep(path);
    // After the views were read: a drafter may run the engine.
    this.#feed.tell(emitted, hidden);
    const end = performance.now();
    const ms = end - start;
    const draftMs = drafted - start;
    const outcome = { draftMs, verifyMs: ms - draftMs, arrears, rows, depth: layout === undefined ? 0 : Math.max(...layout.depths), tokens: path.length };
    this.#stats!.round(choice, outcome);
    this.#speculation!.policy.record(choice, outcome);
    this.decodeMs += ms;
    this.#overhead(end);
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

  /** Copies of the active experts of a path's rows. */
  #experts({ activeExperts, rows }: ForwardResult, path: readonly number[]): Uint32Array[] {
    const { layers } = this.model.config;
    return path.map((row) => rowExperts(activeExperts, layers, rows, row));
  }
}
