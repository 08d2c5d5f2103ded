import { LimitError } from "../../errors.ts";
import type { Merger } from "./merger.ts";

/** A stretch of the input, and where it starts. */
export interface Stretch {
  readonly text: string;
  readonly at: number;
}

/** One text on its way to ids. */
export interface Run {
  readonly ids: number[];
  readonly merger: Merger;
  /** Most ids that are wanted, and how many come after the text. */
  readonly limit: number;
  readonly after: number;
  /** Ids that a whole word is not taken for. */
  readonly hidden: ReadonlySet<number>;
  /** UTF-16 units since the last chance to stop. */
  units: number;
}

/** Stops a text that has, or will have, more ids than are wanted. */
export function checkRoom(run: Run, more: number): void {
  const least = Math.max(run.ids.length + run.after, more);
  if (least <= run.limit) return;
  throw new LimitError(`has more than ${run.limit} tokens; shorten it`, { field: "text", limit: run.limit });
}

/** Those places that lie in a section, counted from its start. */
export function placesIn(section: Stretch, places: ReadonlySet<number>): ReadonlySet<number> {
  const found = new Set<number>();
  if (places.size === 0) return found;
  for (let i = 0; i < section.text.length; i++) if (places.has(section.at + i)) found.add(i);
  return found;
}
