import type { Agreement } from "./agreement.ts";

/** How well a text is predicted. Values of the teacher are null where there is none. */
export interface Prediction {
  readonly tokens: number;
  readonly perplexity: number;
  readonly teacherPerplexity: number | null;
  /** Kullback-Leibler divergence of the model from the teacher, nats a token. */
  readonly kl: number | null;
  /** Share of tokens at which both find the same one likeliest. */
  readonly same: number | null;
  /** Token-level and chunk-level sparsity; null for dense models. */
  readonly tls: number | null;
  readonly cls8: number | null;
  readonly tlsPerLayer: readonly (number | null)[] | null;
}

export interface Asking {
  readonly prompt: string;
  readonly passed: boolean;
  readonly teacherPassed: boolean | null;
  readonly answer: string;
}

/** Answers that went round in circles. */
export interface Looping {
  readonly answers: number;
  readonly looped: number;
  readonly teacherLooped: number | null;
}

/** Names and kinds of what was measured. */
export interface Measured {
  readonly name: string;
  readonly quantization: string;
  readonly tier: string;
}

/** What `eval --suite` measures; a part is null where its input was not given. */
export interface SuiteResult {
  readonly model: Measured;
  readonly teacher: Measured | null;
  readonly settings: {
    readonly answers: number;
    readonly answerTokens: number;
    readonly temperature: number;
    readonly seed: number;
    readonly pieces: number;
    readonly pieceTokens: number;
    readonly loopAnswers: number;
    readonly loopTokens: number;
  };
  /** The teacher's own seeded answers to the prompts. */
  readonly answers: Prediction | null;
  readonly text: Prediction | null;
  readonly instructions: {
    readonly total: number;
    readonly passed: number;
    readonly teacherPassed: number | null;
    readonly each: readonly Asking[];
  };
  readonly loops: { readonly greedy: Looping; readonly default: Looping } | null;
  readonly bar: Bar;
}

/** Whether a model may be called more than experimental, and what is missing. */
export interface Bar {
  readonly met: boolean;
  /** One sentence for each line that is missed or could not be measured. */
  readonly missing: readonly string[];
}

/** Perplexity of the teacher's answers may be this share worse than the teacher's own. */
export const MOST_WORSE = 0.15;
/** Instructions to pass of 30 that the teacher passes. */
export const LEAST_PASSED = 24;
/** Share of answers that may loop. */
export const MOST_LOOPS = 0.05;

export function prediction(sum: Agreement, taught: boolean, sparsity: Pick<Prediction, "tls" | "cls8" | "tlsPerLayer">): Prediction {
  const mean = (value: number): number => value / sum.tokens;
  return {
    tokens: sum.tokens,
    perplexity: Math.exp(mean(sum.nll)),
    teacherPerplexity: taught ? Math.exp(mean(sum.teacherNll)) : null,
    kl: taught ? mean(sum.kl) : null,
    same: taught ? mean(sum.same) : null,
    ...sparsity,
  };
}

/**
 * Holds a result to the bar of the chat model: perplexity beside the teacher's, instructions, loops with the default settings and greedy.
 */
export function judge({ answers, instructions, loops }: Pick<SuiteResult, "answers" | "instructions" | "loops">): Bar {
  const missing: string[] = [];
  if (answers === null || answers.teacherPerplexity === null) missing.push("perplexity beside a teacher's was not measured");
  else {
    const worse = answers.perplexity / answers.teacherPerplexity - 1;
    if (worse >= MOST_WORSE)
      missing.push(
        `perplexity of the teacher's answers is ${(100 * worse).toFixed(1)} % worse than the teacher's; ${100 * MOST_WORSE} % is the bar`,
      );
  }
  if (instructions.passed < LEAST_PASSED)
    missing.push(`${instructions.passed} of ${instructions.total} instructions are passed; ${LEAST_PASSED} is the bar`);
  if (loops === null) missing.push("loops were not measured");
  for (const [name, value] of Object.entries(loops ?? {}) as [string, Looping][]) {
    if (value.looped <= MOST_LOOPS * value.answers) continue;
    const kind = name === "greedy" ? "greedy answers" : "answers with its own settings";
    missing.push(`${value.looped} of ${value.answers} ${kind} loop; ${100 * MOST_LOOPS} % is the bar`);
  }
  return { met: missing.length === 0, missing };
}
