import type { Command } from "commander";
import { resolveOptions } from "../../src/decode/options.ts";
import { UsageError } from "../../src/errors.ts";
import type { Model } from "../../src/model.ts";
import { describeDecisions } from "../decisions.ts";
import type { Context, Io } from "../io.ts";
import { checkDraft, openDraft, openModel, type ModelOptions, type SpeculationOptions } from "../model.ts";
import {
  addOptions,
  ffnOption,
  jsonOption,
  modelOption,
  quantizeOption,
  speculationOptions,
  threadsOption,
  tierOption,
  tokenIds,
} from "../options.ts";
import { pickSampling, samplingOptions, type SamplingDefaults, type SamplingOptions } from "../sampling.ts";
import { streamText } from "../stream.ts";
import { summary } from "../summary.ts";

/** More is no prompt: it would not fit any context. */
const MAX_INPUT_BYTES = 16 << 20;

interface Options extends ModelOptions, SpeculationOptions, SamplingOptions {
  readonly verbose?: boolean;
  readonly tokens?: number[];
}

/** What is taken where nobody says, as the help has it. */
const DEFAULTS: SamplingDefaults = {
  maxTokens: "256",
  context: "what the answer needs",
  temperature: "0",
  topK: "0, all",
  topP: "1, all",
  minP: "0",
  repetitionPenalty: "1",
};

export function registerGenerate(program: Command, context: Context): void {
  const command = program
    .command("generate")
    .description("Continue a prompt. Text goes to stdout as it comes, timings to stderr.")
    .argument("[prompt]", "text to continue; read from stdin when it is a pipe")
    .addOption(modelOption())
    .option("--tokens <ids>", "prompt as token ids, such as 1,2,3, instead of text", tokenIds);
  addOptions(command, samplingOptions(DEFAULTS));
  addOptions(command, speculationOptions())
    .option("--verbose", "tell what speculation decided and measured")
    .addOption(ffnOption())
    .addOption(tierOption())
    .addOption(threadsOption())
    .addOption(quantizeOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
Examples:
  blockffn generate "Once upon a time"
  blockffn generate "Tom had a red car." --max-tokens 100 --temperature 0.8 --top-p 0.9 --seed 7
  blockffn generate "Once upon a time" --speculate eagle --verbose
  blockffn generate --tokens 1,403,298 --ignore-eos --json
  echo "The old king sat by the fire" | blockffn generate --stop "."`,
    )
    .action((prompt: string | undefined, options: Options) => generateCommand(context, prompt, options));
}

async function generateCommand(context: Context, argument: string | undefined, options: Options): Promise<void> {
  const { io, signal } = context;
  const generateOptions = { ...pickSampling(options), signal };
  // Wrong options are told before a model is loaded.
  resolveOptions(generateOptions);
  checkDraft(options);
  const prompt = await readPrompt(io, argument, options.tokens);
  const model = await openModel(context, options);
  let draft: Model | undefined;
  try {
    draft = await openDraft(context, options);
    if (options.json !== true && typeof prompt === "string") tellOfTemplate(io, model);
    const generation = model.generate(prompt, draft === undefined ? generateOptions : { ...generateOptions, draftModel: draft });
    if (options.json === true) {
      const result = await generation.result();
      const { name, quantization, tier, threads } = model.loaded;
      await io.out(`${JSON.stringify({ ...result, model: name, quantization, tier, threads })}\n`);
      return;
    }
    if (io.stdoutIsTty && typeof prompt === "string") await io.out(dim(io, prompt));
    await streamText(io, generation);
    const result = await generation.result();
    io.err(`${summary(result)}\n`);
    if (options.verbose === true && result.decisions !== null) io.err(describeDecisions(result.decisions));
  } finally {
    draft?.dispose();
    model.dispose();
  }
}

async function readPrompt(io: Io, argument: string | undefined, tokens: number[] | undefined): Promise<string | number[]> {
  if (tokens !== undefined) {
    if (argument !== undefined) throw new UsageError("give a prompt or --tokens, not both");
    return tokens;
  }
  if (argument !== undefined) return argument;
  if (io.stdinIsTty) throw new UsageError('no prompt; try: blockffn generate "Once upon a time"');
  const text = (await io.readInput(MAX_INPUT_BYTES)).replace(/\r?\n$/, "");
  if (text === "") throw new UsageError('no prompt: neither an argument nor text on stdin; try: blockffn generate "Once upon a time"');
  return text;
}

/** Says that there is a better way to ask this model. */
function tellOfTemplate(io: Io, model: Model): void {
  let has = false;
  try {
    has = model.hasChatTemplate;
  } catch {
    // A template that cannot be read is of no use to anybody; whoever needs it is told.
  }
  if (has) io.err("blockffn: generate goes on with the text as it is; this model has a chat template, which `blockffn chat` uses\n");
}

/** The prompt, set off from the answer: only for people at a terminal. */
function dim(io: Io, text: string): string {
  return io.env["NO_COLOR"] ? text : `\u001b[2m${text}\u001b[0m`;
}
