import type { Addresses } from "../../core/descriptor.ts";
import type { WeightPlan } from "../../core/plan.ts";
import type { ScratchPlan } from "../../core/scratch.ts";
import type { ModelConfig } from "../architecture/config.ts";
import type { Arena } from "./arena.ts";
import type { Engine } from "./engine.ts";
import type { LogitRoom } from "./logits.ts";

/** What forward calls need of a loaded model. */
export interface ModelMemory {
  readonly name: string;
  readonly config: ModelConfig;
  readonly engine: Engine;
  readonly arena: Arena;
  readonly plan: WeightPlan;
  readonly addresses: Addresses;
  readonly scratch: ScratchPlan;
  readonly logits: LogitRoom;
  readonly threads: number;
  /** The call whose results lie in memory now: the last one on any of its sequences. */
  latest: object | undefined;
  /** Address of a scratch buffer. */
  scratchAt(field: number): number;
  /** The cache of a sequence; undefined when it is not one of this model, or disposed. */
  cacheOf(sequence: object): RowCache | undefined;
  /** @throws UsageError after dispose(). */
  assertAlive(): void;
}

/** What a forward call needs of a sequence. */
export interface RowCache {
  /** Address of the sequence descriptor. */
  readonly address: number;
  /** Rows that it holds, and most that it can hold. */
  readonly length: number;
  readonly capacity: number;
  /** A call has appended so many rows. */
  appended(rows: number): void;
}

/** What the forward calls of an EAGLE head need. */
export interface HeadMemory extends Pick<
  ModelMemory,
  "name" | "config" | "addresses" | "scratch" | "logits" | "scratchAt" | "assertAlive"
> {
  /** The model in whose memory it lies. */
  readonly base: ModelMemory;
  /** Addresses: f32 [maxChunk, hidden padded], the input; f32 [vocab], room for a top-k; u32 and f32 [MAX_TOP], its ids and values. */
  readonly hidden: number;
  readonly topRow: number;
  readonly topIndices: number;
  readonly topValues: number;
  /** The sequence whose results lie in scratch now. */
  latest: object | undefined;
}
