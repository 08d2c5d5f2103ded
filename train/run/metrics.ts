import type { Evaluation } from "../../src/decode/evaluate.ts";
import type { StepReport } from "./trainer.ts";

/** A line of metrics.jsonl. */
export type MetricsLine = (StepReport & { readonly seconds: number }) | ValidationLine;

export interface ValidationLine {
  readonly step: number;
  readonly validation: Pick<Evaluation, "tokens" | "nll" | "perplexity" | "tls" | "cls" | "reuseRatio">;
}
