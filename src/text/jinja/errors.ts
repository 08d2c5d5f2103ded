/** A template that is wrong, fails, or takes too much. Its message has no prefix: who renders says what was rendered. */
export class JinjaError extends Error {}

/** What a template says itself, by `raise_exception`. */
export class Refusal extends Error {}
