import * as v from "valibot";
import { FormatError } from "../errors.ts";
import type { TaughtAnswer } from "./suite.ts";

const Id = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff));
const Schema = v.object({ question_id: Id, prompt: v.pipe(v.array(Id), v.minLength(1)), answer: v.pipe(v.array(Id), v.minLength(1)) });

/** The teacher's answers as a file keeps them: one JSON object a line. */
export function writeAnswers(answers: readonly TaughtAnswer[]): string {
  return answers
    .map(
      ({ question_id, prompt, answer }) => `${JSON.stringify({ question_id, prompt: Array.from(prompt), answer: Array.from(answer) })}\n`,
    )
    .join("");
}

/** @throws FormatError naming file and line. */
export function readAnswers(text: string, file: string): TaughtAnswer[] {
  const answers: TaughtAnswer[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const field = `line ${i + 1}`;
    let json: unknown;
    try {
      json = JSON.parse(line);
    } catch (cause) {
      throw new FormatError("is not JSON", { file, field, cause });
    }
    const result = v.safeParse(Schema, json);
    if (!result.success) throw new FormatError("must have question_id, prompt and answer, lists of token ids", { file, field });
    answers.push(result.output);
  }
  return answers;
}
