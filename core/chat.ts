// How conversations are answered and kept within the context, on every host.

/** What keeps a model's greedy answers out of circles, where its makers say nothing. */
export const CHAT_REPETITION_PENALTY: f64 = 1.1;
/** Longest answer, where nobody says. */
export const CHAT_MAX_TOKENS: i32 = 1024;
/** Share of the context that an answer may ask to be free: a longer one ends at the context's end. */
export const ANSWER_SHARE: f64 = 0.25;
/** Share that is left after turns were dropped: their state is computed anew each time, so it should not come with every turn. */
export const KEPT_SHARE: f64 = 0.5;
