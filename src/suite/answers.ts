import * as v from "valibot";
import { readJsonLines } from "./json-lines.ts";
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
  return readJsonLines(text, file, Schema, "question_id, prompt and answer, lists of token ids");
}
