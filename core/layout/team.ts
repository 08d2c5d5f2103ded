// Team: what the threads of one engine share, at `team()`; all words are i32 and start as 0. What many write lies on a cache line of
// its own.

/** Most threads of a team. */
export const MAX_THREADS = 32;
/** Counts jobs; workers sleep here between them. */
export const TEAM_JOBS = 0;
/** What to do (JOB_*), and its arguments. */
export const TEAM_JOB = 4;
export const TEAM_ARGUMENTS = 8;
/** Threads that share the next call, the caller included; the host writes it: 0 or 1 leaves it to the caller alone. */
export const TEAM_SIZE = 32;
/** Not 0: a thread failed, and every other one that meets it ends with a trap. */
export const TEAM_FAILED = 36;
/** Milliseconds that a thread waits for the others before it calls them lost; the host writes it. */
export const TEAM_PATIENCE = 40;
/** Not 0: kernels read ahead (kernels/simd/panel.ts). */
export const TEAM_READ_AHEAD = 44;
/** Barrier: threads that have arrived, and how often all had. */
export const TEAM_ARRIVED = 64;
export const TEAM_MEETINGS = 128;
/** First unit of the section that nobody has taken. */
export const TEAM_NEXT = 192;
/** Threads that sleep at the barrier, and between jobs. */
export const TEAM_SLEEPERS = 256;
export const TEAM_IDLE = 260;
/** Each thread's Pass (pass.ts). */
export const TEAM_PASSES = 320;
export const PASS_BYTES = 320;
/** Each thread's sums of a product, of four tokens (kernels/simd/sums.ts). */
export const TEAM_SUMS = TEAM_PASSES + MAX_THREADS * PASS_BYTES;
export const SUMS_BYTES = 256;
export const TEAM_BYTES = TEAM_SUMS + MAX_THREADS * SUMS_BYTES;

export const JOB_STOP = 0;
export const JOB_FORWARD = 1;
export const JOB_EAGLE = 2;
export const JOB_FFN = 3;
