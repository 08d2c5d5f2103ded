import * as v from "valibot";
import { UsageError } from "../errors.ts";
import { readJsonLines } from "./json-lines.ts";

/** A prompt as Spec-Bench (arXiv 2401.07851) files have them; only the first turn is used. */
export interface BenchPrompt {
  readonly question_id: number;
  readonly category: string;
  readonly turns: readonly string[];
}

const Schema = v.object({
  question_id: v.pipe(v.number(), v.integer()),
  category: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  turns: v.pipe(v.array(v.pipe(v.string(), v.minLength(1))), v.minLength(1)),
});

/** Questions of MT-bench, whose eight kinds the paper counts as one. */
const CONVERSATION = new Set(["writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities"]);

/**
 * Prompts in Spec-Bench's format, one JSON object a line: question_id, category, turns. MT-bench's eight categories become
 * `conversation`, as in the paper's table 6.
 * @param perCategory prompts kept of each category, the first ones
 * @throws FormatError naming the line; UsageError when nothing is there.
 */
export function parsePrompts(text: string, file: string, perCategory = Infinity): BenchPrompt[] {
  const counts = new Map<string, number>();
  const prompts: BenchPrompt[] = [];
  for (const { category: own, ...rest } of readJsonLines(text, file, Schema, "question_id (a whole number), category and turns (texts)")) {
    const category = CONVERSATION.has(own) ? "conversation" : own;
    const count = counts.get(category) ?? 0;
    counts.set(category, count + 1);
    if (count < perCategory) prompts.push({ ...rest, category });
  }
  if (prompts.length === 0) throw new UsageError("holds no prompts", { field: "prompts" });
  return prompts;
}
