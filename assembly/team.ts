import { OWN_ROWS } from "../core/layout/scratch";
import {
  TEAM_ARRIVED,
  TEAM_BYTES,
  TEAM_FAILED,
  TEAM_JOBS,
  TEAM_MEETINGS,
  TEAM_NEXT,
  TEAM_PATIENCE,
  TEAM_SLEEPERS,
} from "../core/layout/team";

// Threads run the same pass over one memory. What is large is done in sections: units that the threads take until none are left, and a
// barrier. Which thread computes a unit changes no bit of it. Where the engine is built without threads, or a call is the caller's alone,
// a section is one take of all its units. Globals are an instance's own, hence a thread's.

/** Looks at a word before a thread goes to sleep over it: some tens of microseconds. To be woken takes longer: with a tenth of it,
 * decoding a small model was several times slower (bench/RESULTS.md, "Threads"). */
const SPINS: i32 = 100000;
const NANOSECONDS_PER_MS: i64 = 1000000;

/** What a thread took of a section: units firstOf..lastOf - 1. */
export type Units = u64;
/** No units: none are left. */
export const NONE: Units = 0;

// @ts-ignore: decorator
@inline
export function firstOf(units: Units): i32 {
  return <i32>units;
}

/** One behind the last. */
// @ts-ignore: decorator
@inline
export function lastOf(units: Units): i32 {
  return <i32>(units >> 32);
}

// @ts-ignore: decorator
@inline
function unitsOf(first: i32, last: i32): Units {
  return ((<u64>last) << 32) | (<u64>first);
}

let thread: i32 = 0;
let size: i32 = 1;
/** Takes of this thread in the section. */
let takes: i32 = 0;

// Where a memory manager owns what lies behind __heap_base (standalone; ASC_RUNTIME is 0 without one), the team has static memory.
// @ts-ignore: decorator
@lazy const STATIC_TEAM: usize = memory.data(TEAM_BYTES, 64);

/** Address of what the team shares (core/layout/team.ts). */
// @ts-ignore: decorator
@inline
export function team(): usize {
  if (ASC_RUNTIME !== 0) return STATIC_TEAM;
  return (__heap_base + 63) & ~63;
}

/** First byte after it. */
export function teamEnd(): usize {
  return team() + TEAM_BYTES;
}

/** Which of the threads this is; 0 is the one that the host calls. */
// @ts-ignore: decorator
@inline
export function threadIndex(): i32 {
  return thread;
}

/** Says which thread this is: once, before anything else. */
export function beThread(index: i32): void {
  thread = index;
}

/** Threads that share the call. */
// @ts-ignore: decorator
@inline
export function teamSize(): i32 {
  return ASC_FEATURE_THREADS ? size : 1;
}

/** Begins a call: a trap may have left the last one in the middle of a section. */
export function beginCall(): void {
  takes = 0;
}

/** Says how many threads share the calls from now on. */
export function setTeamSize(threads: i32): void {
  size = threads;
}

/**
 * Takes units of a section of `units`, at least `grain` of them at a time if there are so many. Most of them
 * are dealt out, a run for each thread, for memory is read best in long runs; the rest goes in shrinking runs to whoever is free first.
 */
export function take(units: i32, grain: i32): Units {
  const again = takes++ > 0;
  if (!ASC_FEATURE_THREADS || size === 1) {
    return again ? NONE : unitsOf(0, units);
  }
  const dealt = dealtUnits(units, grain);
  if (!again && dealt > 0) {
    return unitsOf(thread * dealt, (thread + 1) * dealt);
  }
  const base = dealt * size;
  const rest = units - base;
  let at = atomic.load<i32>(team() + TEAM_NEXT);
  while (at < rest) {
    const count = min(rest - at, max(grain, (rest - at) / (2 * size)));
    const seen = atomic.cmpxchg<i32>(team() + TEAM_NEXT, at, at + count);
    if (seen === at) return unitsOf(base + at, base + at + count);
    at = seen;
  }
  return NONE;
}

/**
 * Units of a section that each thread is dealt, thread 0 the first ones: seven eighths in all or, where one thread would take all that is
 * left over, what can be dealt evenly.
 */
export function dealtUnits(units: i32, grain: i32): i32 {
  const share = (units * 7) / (8 * size);
  if (units >= size * grain && units - share * size < size * grain) return units / size;
  return share >= grain ? share : 0;
}

/** Ends a section: returns when every unit of it is done. */
export function end(): void {
  takes = 0;
  if (ASC_FEATURE_THREADS && size > 1) meet();
}

/** `take` for what is done row by row: up to OWN_ROWS rows are done by every thread, for itself (pass.ts). */
export function takeRows(rows: i32): Units {
  if (rows > OWN_ROWS) return take(rows, 1);
  return takes++ === 0 ? unitsOf(0, rows) : NONE;
}

/** `end` of a section of rows. */
export function endRows(rows: i32): void {
  if (rows > OWN_ROWS) end();
  else takes = 0;
}

/** Returns when all threads of the team have called it. */
function meet(): void {
  const meetings = team() + TEAM_MEETINGS;
  const before = atomic.load<i32>(meetings);
  if (atomic.add<i32>(team() + TEAM_ARRIVED, 1) < size - 1) return awaitChange(meetings, before, TEAM_SLEEPERS, true);
  atomic.store<i32>(team() + TEAM_ARRIVED, 0);
  atomic.store<i32>(team() + TEAM_NEXT, 0);
  change(meetings, TEAM_SLEEPERS);
}

/** Counts a word up and wakes those who sleep over it. */
export function change(word: usize, sleepers: usize): void {
  atomic.add<i32>(word, 1);
  if (atomic.load<i32>(team() + sleepers) > 0) atomic.notify(word, -1);
}

/** Returns when a word no longer has the value `before`; traps when the team has failed or, if `limited`, its patience is over. */
export function awaitChange(word: usize, before: i32, sleepers: usize, limited: bool): void {
  // `before` may be the value that a failure left; then its mark is there already.
  assertTeam();
  let spins = SPINS;
  while (atomic.load<i32>(word) === before && spins > 0) spins--;
  if (spins === 0) {
    const patience = limited ? <i64>load<i32>(team() + TEAM_PATIENCE) * NANOSECONDS_PER_MS : -1;
    atomic.add<i32>(team() + sleepers, 1);
    while (atomic.load<i32>(word) === before) if (atomic.wait<i32>(word, before, patience) === AtomicWaitResult.TIMED_OUT) fail();
    atomic.sub<i32>(team() + sleepers, 1);
  }
  assertTeam();
}

/** Traps when a thread of the team has failed: its part of the work is missing. */
export function assertTeam(): void {
  if (atomic.load<i32>(team() + TEAM_FAILED) !== 0) unreachable();
}

/** Marks the team as failed, and moves on all who wait for it or will: they find the mark. */
export function fail(): void {
  if (!ASC_FEATURE_THREADS) return;
  atomic.store<i32>(team() + TEAM_FAILED, 1);
  atomic.add<i32>(team() + TEAM_MEETINGS, 1);
  atomic.add<i32>(team() + TEAM_JOBS, 1);
  atomic.notify(team() + TEAM_MEETINGS, -1);
  atomic.notify(team() + TEAM_JOBS, -1);
}
