import * as v from "valibot";
import { UsageError } from "../errors.ts";
import type { Looping, Prediction, SuiteResult } from "./results.ts";

const Text = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(20_000));
const Source = v.object({ name: Text, licence: Text });

/** What a card says besides figures: where the model comes from and how it was made. Distilling writes it beside what it exports. */
export const AboutSchema = v.object({
  title: Text,
  licence: Text,
  teacher: v.object({ name: Text, licence: Text }),
  texts: v.array(Source),
  seed: v.optional(v.number()),
  /** Tokens that it was trained on. */
  tokens: v.optional(v.number()),
  /** Version or commit of the code that made it. */
  code: v.optional(Text),
  /** Paragraphs: how it was made, what it is not good at, notices to keep. */
  made: v.optional(v.array(Text)),
  limits: v.optional(v.array(Text)),
});
export type About = v.InferOutput<typeof AboutSchema>;

/** @throws UsageError naming the field that is missing or wrong: a card is not written without the teacher's licence. */
export function readAbout(json: unknown, file: string): About {
  const result = v.safeParse(AboutSchema, json);
  if (result.success) return result.output;
  const field = v.getDotPath(result.issues[0]) ?? "";
  const why = field.startsWith("teacher") ? "a card is not written without the teacher's name and licence" : result.issues[0].message;
  throw new UsageError(why, { file, field });
}

/**
 * A model card in Markdown, written from a run of the suite.
 * @param about where the model comes from
 */
export function modelCard(result: SuiteResult, about: About): string {
  const { settings, answers, text, instructions, loops, bar } = result;
  const beside = result.teacher === null ? "" : " | teacher";
  const rows: string[] = [];
  const row = (name: string, value: string, teacher: string): void => {
    rows.push(result.teacher === null ? `| ${name} | ${value} |` : `| ${name} | ${value} | ${teacher} |`);
  };
  const predicted = (name: string, p: Prediction): void => {
    row(`${name}: perplexity`, fixed(p.perplexity, 3), fixed(p.teacherPerplexity, 3));
    if (p.kl !== null) row("KL from the teacher, nats a token; same likeliest token", `${fixed(p.kl, 3)}; ${percent(p.same)}`, "");
    if (p.tls !== null) row("experts off for a token (TLS); for 8 in a row (CLS_8)", `${percent(p.tls)}; ${percent(p.cls8)}`, "");
  };
  if (answers !== null) predicted(`the teacher's own answers to ${settings.answers} prompts of Spec-Bench`, answers);
  if (text !== null) predicted(`text, ${settings.pieces} pieces of ${settings.pieceTokens} tokens`, text);
  row(`${instructions.total} fixed instructions passed`, String(instructions.passed), String(instructions.teacherPassed ?? ""));
  const looped = (name: string, l: Looping): void =>
    row(
      `answers of ${settings.loopTokens} tokens that loop, ${name}`,
      `${l.looped} of ${l.answers}`,
      l.teacherLooped === null ? "" : `${l.teacherLooped} of ${l.answers}`,
    );
  if (loops !== null) {
    looped("greedy", loops.greedy);
    looped("with its own settings", loops.default);
  }
  return [
    `# ${about.title}`,
    bar.met ? "" : `**Experimental**: ${bar.missing.join("; ")}.`,
    ...(about.made ?? []),
    [
      `| ${result.model.name}, ${result.model.quantization}, \`${result.model.tier}\` | model${beside} |`,
      `|---|---|${result.teacher === null ? "" : "---|"}`,
      ...rows,
    ].join("\n"),
    [
      `Measured by \`blockffn eval --suite\`: answers of at most ${settings.answerTokens} tokens at temperature ${settings.temperature},`,
      `seed ${settings.seed} + question_id; instructions answered greedily, chosen among those that a teacher of 135M parameters passes.`,
    ].join(" "),
    ...(about.limits === undefined ? [] : ["## Limits", ...about.limits]),
    "## Origin and licence",
    `Licence: ${about.licence}. Teacher: ${about.teacher.name}, ${about.teacher.licence}.`,
    `Texts: ${about.texts.map(({ name, licence }) => `${name} (${licence})`).join("; ") || "none besides the teacher's"}.`,
    [
      about.tokens === undefined ? "" : `Trained on ${about.tokens.toLocaleString("en")} tokens.`,
      about.seed === undefined ? "" : `Seed ${about.seed}.`,
      about.code === undefined ? "" : `Code: ${about.code}.`,
    ]
      .filter((part) => part !== "")
      .join(" "),
  ]
    .filter((part) => part !== "")
    .join("\n\n")
    .concat("\n");
}

const fixed = (value: number | null, digits: number): string => (value === null ? "" : value.toFixed(digits));
const percent = (value: number | null): string => (value === null ? "" : `${(100 * value).toFixed(1)} %`);
