import { expertLayers } from "../../architecture/config.ts";
import type { LoadedModel, Sequence } from "../../engine/types.ts";
import type { Tokenizer } from "../../text/tokenizer.ts";
import { pathExperts, rowExperts } from "../../sparsity/row.ts";
import { DrafterFeed, NO_STATE } from "./feed.ts";
import type { Piece, SpeculationResult } from "../generation.ts";
import type { ResolvedOptions } from "../options.ts";
import type { GuardCosts } from "../guard/costs.ts";
import type { Choice } from "../guard/policy.ts";
import { CHECK_EVERY } from "../guard/tuning.ts";
import { Run } from "../plain/run.ts";
import { PlainNotes } from "./plain-notes.ts";
import { proposeTree } from "./propose.ts";
import { MOST_DRAFT_NODES, type Speculation } from "./speculation.ts";
import { SpeculativeStats } from "./stats.ts";
import { layoutTree, MAX_TREE_NODES } from "./tree.ts";
import { verifyTree } from "./verify.ts";

/** What a round leaves when its result is gone. */
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
  readonly #late: GuardCosts | undefined;
  readonly #stats: SpeculativeStats;
  #feed: DrafterFeed | undefined;
  /** Plain steps before there is a policy. */
  readonly #notes = new PlainNotes();
  /** What the last chunk of the prompt took. */
  #chunk = { rows: 0, ms: 0 };

  /**
   * @param open makes the drafters for so many tokens: when the generation starts, or late; they are disposed at its end
   * @param late with it, decoding is plain until making drafters is little of the time spent: a short answer does not pay for them
   */
  constructor(
    model: LoadedModel,
    tokenizer: Tokenizer | undefined,
    prompt: Uint32Array,
    options: ResolvedOptions,
    limit: number,
    open: (capacity: number) => Speculation,
    late?: GuardCosts,
  ) {
    super(model, tokenizer, prompt, options, limit);
    this.#open = open;
    this.#late = late;
    this.#stats = new SpeculativeStats(model.config.layers, expertLayers(model.config).length);
  }

  override reserve(): Sequence {
    const sequence = super.reserve();
    if (this.#late !== undefined || this.#speculation !== undefined) return sequence;
    // Before the drafters, which keep some of what they take.
    this.model.reserveLogits(Math.min(this.options.draftTokens ?? MOST_DRAFT_NODES, this.model.maxLogitRows));
    this.#start();
    return sequence;
  }

  async *pieces(): AsyncGenerator<Piece, void, void> {
    if (this.aborted()) return;
    const sequence = this.reserve();
    const first = await this.#prefill(sequence);
    if (first === undefined) return;
    yield this.accept(first, this.told);
    if (this.output.finish !== undefined) return;
    let root = first;
    // Until there are drafters this is plain decoding, and nothing else.
    for (let next = CHECK_EVERY; this.#speculation === undefined;) {
      if (this.pacer.due) await this.pacer.pause();
      if (this.aborted()) return;
      if (this.steps.count >= next) {
        next += CHECK_EVERY;
        if (this.#startLate()) break;
      }
      root = this.step(sequence, root);
      if (this.tracing) this.told = this.#stepTells();
      yield this.accept(root, this.told);
      if (this.output.finish !== undefined) return;
    }
    for (;;) {
      if (this.pacer.due) await this.pacer.pause();
      if (this.aborted()) return;
      const choice = this.#choose(sequence);
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

  override finish(failed = false): ReturnType<Run["finish"]> {
    if (this.#speculation === undefined && this.#late !== undefined) this.#notes.tell(this.#late, this.steps);
    for (const drafter of this.#speculation?.drafters ?? []) drafter.dispose();
    return super.finish(failed);
  }

  protected override speculation(): SpeculationResult {
    const lossShare = this.#late === undefined ? undefined : 0;
    return this.#stats.result(this.steps, this.#late ?? this.#speculation?.costs, this.#speculation?.policy.lossShare ?? lossShare);
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

  /** Makes drafters and policy. */
  #start(): void {
    this.#speculation = this.#open(this.capacity);
    this.#feed = new DrafterFeed(this.#speculation.drafters);
  }

  /** Makes them if it is time, and tells them what there was. @returns whether it was */
  #startLate(): boolean {
    const costs = this.#late!;
    this.#notes.tell(costs, this.steps);
    if (!costs.mayOpen(this.steps.ms)) return false;
    const start = performance.now();
    this.#start();
    this.#feed!.tellPrompt(this.prompt);
    const { policy } = this.#speculation!;
    policy.observe(this.#chunk.rows, this.#chunk.ms);
    policy.begin(this.steps.ms, this.#notes.lastMeans());
    costs.addSetup(performance.now() - start);
    this.#overhead(start);
    return true;
  }

  #choose(sequence: Sequence): Choice {
    const { policy } = this.#speculation!;
    if (policy.rest > 0) return policy.choose(1);
    const start = performance.now();
    this.#feed!.catchUp(this.output.tokens);
    // Plain decoding would go on, so there is a place for the root at least.
    const choice = policy.choose(Math.min(MAX_TREE_NODES, this.model.maxChunk, this.model.maxLogitRows, this.capacity - sequence.length));
    this.#overhead(start);
    return choice;
  }

  /** Prefill; drafters that are there see the prompt and the first token. */
  async #prefill(sequence: Sequence): Promise<number | undefined> {
    // State before the next token; none before the first one.
    let before: Float32Array = NO_STATE;
    const feed = this.#feed;
    if (sequence.length > 0) feed?.tellPrompt(this.prompt.subarray(0, sequence.length));
    const id = await this.prefill(sequence, (chunk, result, ms) => {
      this.#chunk = { rows: chunk.length, ms };
      if (this.tracing) this.told = this.#tells(rowExperts(result.activeExperts, this.model.config.layers, result.rows, result.rows - 1));
      if (feed === undefined) return;
      this.#speculation!.policy.observe(chunk.length, ms);
      if (!feed.needsHidden) return feed.tellPrompt(chunk);
      const hidden = [before, ...Array.from({ length: chunk.length - 1 }, (_, row) => result.hidden(row))];
      before = result.hidden(chunk.length - 1);
      feed.tellPrompt(chunk, hidden);
    });
    if (id !== undefined) feed?.tellOne([], id, before);
    return id;
  }

  /** A plain step, of which policy and drafters hear. @returns the next token */
  #step(sequence: Sequence, root: number): number {
    const id = this.step(sequence, root);
    if (this.tracing) this.told = this.#stepTells();
    const { policy } = this.#speculation!;
    policy.recordPlain(this.stepMs);
    if (!policy.listening) return id;
    const start = performance.now();
    this.#feed!.tellOne(this.output.tokens, id, this.#feed!.needsHidden ? this.stepResult!.hidden(0) : NO_STATE);
    this.#overhead(start);
    return id;
  }

  #stepTells(): { readonly experts: Uint32Array } | undefined {
    return this.#tells(rowExperts(this.stepResult!.activeExperts, this.model.config.layers, 1, 0));
  }

  #round(sequence: Sequence, root: number, choice: Choice): Round {
    const start = performance.now();
    const arrears = choice.drafter?.arrears ?? 0;
    const tree = proposeTree(this.model, this.#speculation!.policy, choice, root);
    const drafted = performance.now();
    // Without a draft it is a plain step, at the price of one.
    const layout = tree.tokens.length === 1 ? undefined : layoutTree(tree, sequence.length);
    const result = sequence.forward(tree.tokens, layout === undefined ? { logits: "last" } : { logits: "all", tree: layout });
    const { path, emitted } = verifyTree(tree, (node) => this.choose(result, node));
    const { rows } = result;
    this.#stats.chunk(rows, result.activeExperts);
    const experts = this.sparsity === undefined ? [] : pathExperts(result, this.model.config.layers, path);
    const hidden = this.#feed!.needsHidden ? path.map((row) => result.hidden(row)) : undefined;
    if (path.length < rows) sequence.keep(path);
    // After the result was read: a drafter may run the engine.
    this.#feed!.tell(this.output.tokens, emitted, hidden);
    const end = performance.now();
    const ms = end - start;
    const draftMs = drafted - start;
    const outcome = {
      draftMs,
      verifyMs: ms - draftMs,
      arrears,
      rows,
      depth: layout === undefined ? 0 : Math.max(...layout.depths),
      tokens: path.length,
    };
    this.#stats.round(choice, outcome);
    this.#speculation!.policy.record(choice, outcome);
    this.decodeMs += ms;
    this.#overhead(end);
    return { tokens: emitted, experts };
  }
}
