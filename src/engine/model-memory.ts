import type { Addresses } from "../../core/descriptor.ts";
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
  readonly addresses: Addresses;
  readonly scratch: ScratchPlan;
  readonly logits: LogitRoom;
  readonly threads: number;
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
