import { chatDefaults } from "../chat/defaults.ts";
import { expertLayers } from "../architecture/config.ts";
import type { GenerateOptions } from "../decode/options.ts";
import type { LoadedModel, Sequence } from "../engine/types.ts";
import { UsageError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { Pacer } from "../pause.ts";
import { SparsityCounter } from "../sparsity/stats.ts";
import { compare, noAgreement, type Reader } from "./agreement.ts";
import { Asked } from "./ask.ts";
import { passes } from "./checks.ts";
import { INSTRUCTIONS } from "./instructions.ts";
import { loops } from "./loops.ts";
import { judge, prediction, type Asking, type Looping, type Measured, type Prediction, type SuiteResult } from "./results.ts";
import type { BenchPrompt } from "./spec-bench.ts";
import { spread } from "./spread.ts";

/** Token ids of one question and of the teacher's answer to it. */
export interface TaughtAnswer {
  readonly question_id: number;
  readonly prompt: ArrayLike<number>;
  readonly answer: ArrayLike<number>;
}

type Drawing = Pick<GenerateOptions, "temperature" | "topK" | "topP" | "minP" | "repetitionPenalty">;

export interface SuiteOptions {
  /** The dense model that `model` came from: it writes the answers, and every figure stands beside its own. */
  readonly teacher?: LoadedModel;
  /** Prompts of Spec-Bench, for the teacher's answers and for loops. */
  readonly prompts?: readonly BenchPrompt[];
  /** The teacher's answers of an earlier run, instead of new ones. */
  readonly answers?: readonly TaughtAnswer[];
  /** A text, of which the first pieces are predicted. */
  readonly text?: string;
  /** Teacher's answers to predict; default 96. */
  readonly answerCount?: number;
  /** Pieces of 1,024 tokens of the text; default 64. */
  readonly pieces?: number;
  /** Answers that are searched for loops; default 100. */
  readonly loopAnswers?: number;
  /** Loops are counted greedily, and with these; by default with what a chat draws each model's answers by. */
  readonly defaults?: Drawing;
  readonly signal?: AbortSignal;
  /** Called after each step. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Gets the teacher's answers once they are written. */
  readonly onAnswers?: (answers: readonly TaughtAnswer[]) => Promise<void>;
}

const NAMES = {
  teacher: true,
  prompts: true,
  answers: true,
  text: true,
  answerCount: true,
  pieces: true,
  loopAnswers: true,
  defaults: true,
  signal: true,
  onProgress: true,
  onAnswers: true,
} satisfies OptionNames<SuiteOptions>;

/** The teacher's answers: as long, as warm and as seeded as this; the seed of a prompt is SEED + its question_id. */
const ANSWER = { maxTokens: 256, temperature: 0.8, seed: 1 };
const PIECE_TOKENS = 1024;
const LOOP_TOKENS = 200;
const INSTRUCTION_TOKENS = 160;

/**
 * Measures a chat model, beside its teacher where one is given: perplexity, divergence and agreement on the teacher's own seeded answers
 * and on
 * a text; 30 fixed instructions with stated checks, answered greedily; loops in answers of 200 tokens, greedy and with the model's own
 * settings.
 * @throws UsageError for a model without chat template, another vocabulary than the teacher's, or prompts without a teacher.
 */
export async function runSuite(model: LoadedModel, options: SuiteOptions = {}): Promise<SuiteResult> {
  checkOptions(options, NAMES, "runSuite");
  return new Suite(model, options).run();
}

class Suite {
  readonly #options: SuiteOptions;
  readonly #student: Asked;
  readonly #teacher: Asked | undefined;
  readonly #questions: readonly BenchPrompt[];
  readonly #loopQuestions: readonly BenchPrompt[];
  readonly #pieces: readonly Uint32Array[];
  readonly #total: number;
  #done = 0;

  constructor(model: LoadedModel, options: SuiteOptions) {
    const { teacher, prompts = [], answers, text, answerCount = 96, pieces = 64, loopAnswers = 100 } = options;
    this.#options = options;
    this.#student = new Asked(model);
    this.#teacher = teacher === undefined ? undefined : new Asked(teacher);
    if (teacher !== undefined && teacher.config.vocabSize !== model.config.vocabSize)
      throw new UsageError(`has ${teacher.config.vocabSize} tokens; ${model.name} has ${model.config.vocabSize}`, { field: "teacher" });
    this.#questions = teacher === undefined || answers !== undefined ? [] : spread(prompts, answerCount);
    this.#loopQuestions = spread(prompts, loopAnswers);
    const length = Math.min(PIECE_TOKENS, model.config.contextLength, teacher?.config.contextLength ?? Infinity);
    const ids = text === undefined ? new Uint32Array() : this.#student.tokenizer.encode(text);
    this.#pieces = Array.from({ length: Math.min(pieces, Math.ceil(ids.length / length)) }, (_, i) =>
      ids.slice(i * length, (i + 1) * length),
    ).filter((piece) => piece.length > 1);
    const models = teacher === undefined ? 1 : 2;
    const taught = answers?.length ?? this.#questions.length;
    this.#total = this.#questions.length + taught + this.#pieces.length + models * (INSTRUCTIONS.length + 2 * this.#loopQuestions.length);
  }

  async run(): Promise<SuiteResult> {
    const taught = await this.#taught();
    const answers = taught === undefined ? null : await this.#predict(taught.map(({ prompt, answer }) => joined(prompt, answer)));
    const text = this.#pieces.length === 0 ? null : await this.#predict(this.#pieces.map((ids) => ({ ids, from: 1 })));
    const instructions = await this.#instructions();
    const looping =
      this.#loopQuestions.length === 0
        ? null
        : { greedy: await this.#loops(() => ({})), default: await this.#loops((own) => this.#options.defaults ?? settingsOf(own)) };
    const { teacher } = this.#options;
    const measured = { answers, text, instructions, loops: looping };
    return {
      model: about(this.#student.model),
      teacher: teacher === undefined ? null : about(teacher),
      settings: {
        answers: taught?.length ?? 0,
        answerTokens: ANSWER.maxTokens,
        temperature: ANSWER.temperature,
        seed: ANSWER.seed,
        pieces: this.#pieces.length,
        pieceTokens: this.#pieces[0]?.length ?? 0,
        loopAnswers: this.#loopQuestions.length,
        loopTokens: LOOP_TOKENS,
      },
      ...measured,
      bar: judge(measured),
    };
  }

  /** The teacher's answers: given, or written now. */
  async #taught(): Promise<readonly TaughtAnswer[] | undefined> {
    if (this.#options.answers !== undefined) return this.#options.answers;
    if (this.#teacher === undefined || this.#questions.length === 0) return undefined;
    const written: TaughtAnswer[] = [];
    for (const { question_id, turns } of this.#questions) {
      const { prompt, tokens } = await this.#teacher.answer(turns[0] as string, {
        ...ANSWER,
        ...this.#common(),
        seed: ANSWER.seed + question_id,
      });
      written.push({ question_id, prompt: [...prompt], answer: tokens });
      this.#step();
    }
    await this.#options.onAnswers?.(written);
    return written;
  }

  async #predict(documents: readonly { readonly ids: Uint32Array; readonly from: number }[]): Promise<Prediction> {
    const { model } = this.#student;
    const { ffn, layers } = model.config;
    const sparsity = ffn.kind === "experts" ? new SparsityCounter(layers, ffn.experts, expertLayers(model.config)) : undefined;
    const capacity = documents.reduce((most, { ids }) => Math.max(most, ids.length), 1);
    const open = (of: LoadedModel): Reader & { readonly sequence: Sequence } => ({ model: of, sequence: of.newSequence({ capacity }) });
    const reader = { ...open(model), sparsity };
    const teacher = this.#teacher === undefined ? undefined : open(this.#teacher.model);
    const sum = noAgreement();
    const pacer = new Pacer(model.pause);
    try {
      for (const { ids, from } of documents) {
        await compare(sum, reader, teacher, ids, from, pacer, this.#options.signal);
        this.#step();
      }
    } finally {
      reader.sequence.dispose();
      teacher?.sequence.dispose();
    }
    const counted = sparsity?.result();
    return prediction(sum, teacher !== undefined, {
      tls: counted?.tls ?? null,
      cls8: counted?.cls[8] ?? null,
      tlsPerLayer: counted?.tlsPerLayer ?? null,
    });
  }

  async #instructions(): Promise<SuiteResult["instructions"]> {
    const options = { maxTokens: INSTRUCTION_TOKENS, ...this.#common() };
    const each: Asking[] = [];
    for (const { prompt, check } of INSTRUCTIONS) {
      const { text: answer } = await this.#student.answer(prompt, options);
      this.#step();
      const theirs = await this.#teacher?.answer(prompt, options);
      if (theirs !== undefined) this.#step();
      each.push({ prompt, passed: passes(answer, check), teacherPassed: theirs === undefined ? null : passes(theirs.text, check), answer });
    }
    return {
      total: each.length,
      passed: each.filter(({ passed }) => passed).length,
      teacherPassed: this.#teacher === undefined ? null : each.filter(({ teacherPassed }) => teacherPassed === true).length,
      each,
    };
  }

  async #loops(how: (model: LoadedModel) => Drawing): Promise<Looping> {
    const count = async (asked: Asked): Promise<number> => {
      let looped = 0;
      for (const { question_id, turns } of this.#loopQuestions) {
        const { tokens } = await asked.answer(turns[0] as string, {
          maxTokens: LOOP_TOKENS,
          ...how(asked.model),
          ...this.#common(),
          seed: ANSWER.seed + question_id,
        });
        if (loops(tokens)) looped++;
        this.#step();
      }
      return looped;
    };
    return {
      answers: this.#loopQuestions.length,
      looped: await count(this.#student),
      teacherLooped: this.#teacher === undefined ? null : await count(this.#teacher),
    };
  }

  #common(): Pick<GenerateOptions, "signal"> {
    return this.#options.signal === undefined ? {} : { signal: this.#options.signal };
  }

  #step(): void {
    this.#options.onProgress?.(++this.#done, this.#total);
  }
}

function joined(prompt: ArrayLike<number>, answer: ArrayLike<number>): { readonly ids: Uint32Array; readonly from: number } {
  return { ids: Uint32Array.from([...Array.from(prompt), ...Array.from(answer)]), from: prompt.length };
}

function settingsOf(model: LoadedModel): Drawing {
  const { maxTokens: _, ...drawing } = chatDefaults(model);
  return drawing;
}

function about(model: LoadedModel): Measured {
  return { name: model.name, quantization: model.quantization, tier: model.tier };
}
