// The guard's tuned numbers, in one place: what they do is said here, what they were chosen by in bench/RESULTS.md ("The guard").

// ---- Measurements and how they fade ----

/** Measurements fade every so many rounds: each round would take longer than it is worth. */
export const FADE_EVERY = 8;
/** What drafts brought counts half after 32 rounds, as text changes, ... */
export const YIELD_DECAY = 0.5 ** (FADE_EVERY / 32);
/** ... and what they brought just now after 8. */
export const RECENT_DECAY = 0.5 ** (FADE_EVERY / 8);
/** What a size costs counts half after 1024: the machine hardly changes. */
export const COST_DECAY = 0.5 ** (FADE_EVERY / 1024);
/** Costs whose measurements weigh less than this are forgotten. */
export const FORGOTTEN = 0.25;
/** A new measurement moves a known cost by this share of the difference ... */
export const COST_STEP = 0.1;
/** ... and counts as at most this many times the cost: a pause of the machine is not a cost of the size. */
export const OUTLIER = 1.5;
/** Until it was measured often, a cost is taken to vary by this share ... */
export const PRIOR_SPREAD = 0.1;
/** ... and it may be dearer than its mean by so many mean deviations. */
export const DEVIATIONS = 2;
/** So often code is cold. */
export const COLD_RUNS = 2;

// ---- What a draft is expected to bring ----

/** The drafter's own prior has the weight of a few drafts, ... */
export const PRIOR_WEIGHT = 2;
/** ... that a size yields what its depth promises that of a few rounds, ... */
export const YIELD_WEIGHT = 3;
/** ... and that drafts bring just now what they do on the whole that of so many drafted tokens. */
export const RECENT_WEIGHT = 2;

// ---- Time won and lost, and when drafters are made ----

/** What drafts lost in the long run counts half after 2048. */
export const DEBT_DECAY = 0.5 ** (FADE_EVERY / 2048);
/** Plain passes that may be owed or won in the long run. */
export const MOST_DEBT = 64;
export const MOST_CREDIT = 4;
/** Plain passes that a generation may risk at its start. */
export const CREDIT = 1;
/** A further row is assumed to cost this share of a plain pass (a whole one, where a loss is risked). */
export const PRIOR_ROW = 0.3;
/** Rests of a guard that finds nothing to do, in plain passes: the first one, and the longest, ... */
export const SHORT_REST = 8;
export const LONG_REST = 32;
/** ... unless a look takes more than this share of the time. */
export const LOOK_SHARE = 0.0025;
/** Where drafters were made in vain, so many plain passes go by before they are made again: at first, and at most. */
export const SHORT_DOUBT = 64;
export const LONG_DOUBT = 2048;
/** Drafters may be made when that takes at most this share of the time that the generation spent. */
export const OPEN_SHARE = 0.0075;
/** Code that runs for the first times takes up to so many milliseconds longer, ... */
export const COLD_MS = 2;
/** ... which is paid once: it may be this share of all that the model has decoded. */
export const COLD_SHARE = 0.005;
/** What a first draft needs is doubted in time: counts half after 4096 plain passes. */
export const NEEDED_DECAY = 0.5 ** (1 / 4096);
/** Plain passes that weigh as much as what was known, where they were faster than that, and where they were slower. */
export const FASTER = 2;
export const SLOWER = 16;

// ---- Choosing ----

/** A drafter that was not measured may take this many times what it planned. */
export const UNKNOWN_RATIO = 2;
/** Who does not draft begins with it only where it is expected to be faster by this factor. */
export const CLEAR = 1.03;
/** Plain passes that drafts have lost in the long run, for which the tolerance is halved. */
export const DEBT_HALF = 4;
/** Plain passes before the first look, where nothing is known. */
export const FIRST_REST = 4;
/** States that a drafter is told before it is asked. */
export const LISTEN = 8;
/** Plain passes whose times are kept. */
export const PASSES = 64;
/** Rounds with the same choice, while they win. */
export const KEEP = 4;
/** After so many rounds of drafts a plain pass is measured, and after a chunk that took less than this share of what was expected. */
export const CHECK_PLAIN = 16;
export const SURPRISE = 0.85;

// ---- Before there are drafters ----

/** Plain steps between two questions whether drafters shall be made. */
export const CHECK_EVERY = 8;
/** Means of so many plain steps that a policy is told when it is made late. */
export const MEANS = 16;

// ---- Sizes ----

/** Sizes that the guard chooses from. */
export const SIZES = [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
