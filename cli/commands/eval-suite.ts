import { stat } from "node:fs/promises";
import type { LoadedModel } from "../../src/engine/types.ts";
import { FormatError, UsageError } from "../../src/errors.ts";
import { modelCard, readAbout } from "../../src/suite/card.ts";
import { readAnswers, writeAnswers } from "../../src/suite/answers.ts";
import type { Looping, Prediction, SuiteResult } from "../../src/suite/results.ts";
import { parsePrompts } from "../../src/suite/spec-bench.ts";
import { runSuite, type SuiteOptions } from "../../src/suite/suite.ts";
import { percent, table } from "../format.ts";
import type { Context } from "../io.ts";
import { openModel, readPaths, type ModelOptions } from "../model.ts";
import { textKind } from "../output-kinds.ts";
import { checkOutput, writeOutput, type OutputRule } from "../outputs.ts";
import { withProgress } from "../progress.ts";
import { readTextFile } from "../text-file.ts";

export interface SuiteCommandOptions extends ModelOptions {
  readonly text?: string;
  readonly teacher?: string;
  readonly prompts?: string;
  readonly answers?: string;
  readonly answerCount?: number;
  readonly pieces?: number;
  readonly loopAnswers?: number;
  readonly card?: string;
  readonly about?: string;
  readonly force?: boolean;
}

const ANSWERS = textKind("the teacher's answers of eval --suite", (head) => head.startsWith('{"question_id":'));
const CARD = textKind("a model card of eval --suite", (head) => /^# .*\n/.test(head));

/** Measures a chat model beside its teacher, and writes its card. */
export async function suiteCommand(context: Context, options: SuiteCommandOptions): Promise<void> {
  const { io, signal } = context;
  if ((options.card === undefined) !== (options.about === undefined))
    throw new UsageError("is written from --about FILE, which names teacher, licences and texts: give both", { field: "card" });
  const about = options.about === undefined ? undefined : readAbout(await readJson(options.about, signal), options.about);
  const models = await readPaths(context, [options.model ?? io.defaultModel, options.teacher]);
  const rule = (kind: OutputRule["kind"]): OutputRule => ({
    reads: [...models, options.prompts, options.text, options.about],
    kind,
    force: options.force,
  });
  if (options.card !== undefined) await checkOutput(options.card, rule(CARD));
  const answersFile = options.answers;
  const known = answersFile === undefined ? undefined : await readIfThere(answersFile, signal);
  const answers = known === undefined ? undefined : readAnswers(known, answersFile as string);
  if (answersFile !== undefined && known === undefined) await checkOutput(answersFile, rule(ANSWERS));
  const prompts = options.prompts === undefined ? undefined : parsePrompts(await readTextFile(options.prompts, signal), options.prompts);
  const text = options.text === undefined ? undefined : await readTextFile(options.text, signal);
  const model = await openModel(context, options);
  try {
    const teacher = options.teacher === undefined ? undefined : await openModel(context, { ...options, model: options.teacher }, "teacher");
    try {
      const result = await run(context, options, model.loaded, { teacher: teacher?.loaded, prompts, answers, text }, async (written) => {
        if (answersFile === undefined) return;
        await writeOutput(answersFile, rule(ANSWERS), (file) => file.write(new TextEncoder().encode(written)));
      });
      if (options.card !== undefined && about !== undefined) {
        const card = new TextEncoder().encode(modelCard(result, about));
        await writeOutput(options.card, rule(CARD), (file) => file.write(card));
      }
      await io.out(options.json === true ? `${JSON.stringify(result)}\n` : report(result));
    } finally {
      teacher?.dispose();
    }
  } finally {
    model.dispose();
  }
}

type Inputs = Pick<SuiteOptions, "prompts" | "answers" | "text"> & { readonly teacher: LoadedModel | undefined };

async function run(
  context: Context,
  options: SuiteCommandOptions,
  model: LoadedModel,
  { teacher, prompts, answers, text }: { [K in keyof Inputs]: Inputs[K] | undefined },
  save: (answers: string) => Promise<void>,
): Promise<SuiteResult> {
  const { answerCount, pieces, loopAnswers } = options;
  return withProgress(context, "evaluating", options.json === true, (onProgress) =>
    runSuite(model, {
      signal: context.signal,
      onProgress,
      onAnswers: (written) => save(writeAnswers(written)),
      ...(teacher === undefined ? {} : { teacher }),
      ...(prompts === undefined ? {} : { prompts }),
      ...(answers === undefined ? {} : { answers }),
      ...(text === undefined ? {} : { text }),
      ...(answerCount === undefined ? {} : { answerCount }),
      ...(pieces === undefined ? {} : { pieces }),
      ...(loopAnswers === undefined ? {} : { loopAnswers }),
    }),
  );
}

async function readJson(path: string, signal: AbortSignal): Promise<unknown> {
  const text = await readTextFile(path, signal);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FormatError("is not JSON", { file: path, cause });
  }
}

async function readIfThere(path: string, signal: AbortSignal): Promise<string | undefined> {
  return (await stat(path).catch(() => undefined)) === undefined ? undefined : readTextFile(path, signal);
}

function report(result: SuiteResult): string {
  const { answers, text, instructions, loops, settings, bar } = result;
  const rows: string[][] = [["", "model", ...(result.teacher === null ? [] : ["teacher"])]];
  const row = (name: string, value: string, teacher: string | null): void => {
    rows.push([name, value, ...(result.teacher === null ? [] : [teacher ?? ""])]);
  };
  const predicted = (name: string, p: Prediction): void => {
    row(`${name}: perplexity`, p.perplexity.toFixed(3), p.teacherPerplexity?.toFixed(3) ?? null);
    if (p.kl !== null) row("  KL from the teacher", p.kl.toFixed(4), null);
    if (p.same !== null) row("  same likeliest token", percent(p.same), null);
    if (p.tls !== null) row("  tls", percent(p.tls), null);
    if (p.cls8 !== null) row("  cls 8", percent(p.cls8), null);
  };
  const looped = (name: string, l: Looping): void =>
    row(`loops, ${name}`, `${l.looped} of ${l.answers}`, l.teacherLooped === null ? null : `${l.teacherLooped} of ${l.answers}`);
  if (answers !== null) predicted(`${settings.answers} answers of the teacher`, answers);
  if (text !== null) predicted("text", text);
  const count = (passed: number): string => `${passed} of ${instructions.total}`;
  row("instructions passed", count(instructions.passed), instructions.teacherPassed === null ? null : count(instructions.teacherPassed));
  if (loops !== null) {
    looped("greedy", loops.greedy);
    looped("its own settings", loops.default);
  }
  return `${table(rows)}${bar.met ? "The bar of a chat model is met." : `Experimental: ${bar.missing.join("; ")}.`}\n`;
}
