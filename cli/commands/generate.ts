import type { Command } from "commander";
import type { Generation, GenerationResult } from "../../src/decode/generation.ts";
import { resolveOptions, type GenerateOptions } from "../../src/decode/options.ts";
import { UsageError } from "../../src/errors.ts";
import type { Model } from "../../src/model.ts";
import { describeDecisions } from "../decisions.ts";
import { number, percent } from "../format.ts";
import type { Context, Io } from "../io.ts";
import { checkDraft, openDraft, openModel, type ModelOptions, type SpeculationOptions } from "../model.ts";
import {
  addOptions,
  collect,
  decimal,
  ffnOption,
  jsonOption,
  modelOption,
  quantizeOption,
  speculationOptions,
  threadsOption,
  tierOption,
  tokenIds,
  wholeNumber,
} from "../options.ts";

/** More is no prompt: it would not fit any context. */
const MAX_INPUT_BYTES = 16 << 20;

interface Options extends ModelOptions, SpeculationOptions, Omit<GenerateOptions, "signal" | "stop" | "draftModel"> {
  readonly verbose?: boolean;
  readonly tokens?: number[];
  readonly stop?: string[];
}

export function registerGenerate(program: Command, context: Context): void {
  const command = program
    .command("generate")
    .description("Continue a prompt. Text goes to stdout as it comes, timings to stderr.")
    .argument("[prompt]", "text to continue; read from stdin when it is a pipe")
    .addOption(modelOption())
    .option("--tokens <ids>", "prompt as token ids, such as 1,2,3, instead of text", tokenIds)
    .option("-n, --max-tokens <n>", "most new tokens (default: 256)", wholeNumber)
    .option("--context <n>", "most tokens that the KV cache may hold (default: what the answer needs)", wholeNumber)
    .option("-t, --temperature <t>", "0 takes the likeliest token, above draws (default: 0)", decimal)
    .option("--top-k <n>", "draw among the n likeliest tokens (default: 0, all)", wholeNumber)
    .option("--top-p <p>", "draw among the likeliest tokens that reach p together (default: 1, all)", decimal)
    .option("--min-p <p>", "drop tokens less likely than p times the likeliest (default: 0)", decimal)
    .option("--repetition-penalty <p>", "above 1 makes repetition less likely (default: 1)", decimal)
    .option("--seed <n>", "same seed, same text (default: random)", wholeNumber)
    .option("--stop <text>", "end before this text; may be given more than once", collect)
    .option("--ignore-eos", "go on after an end-of-sequence token");
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
  const generateOptions = pick(options, signal);
  // Wrong options are told before a model is loaded.
  resolveOptions(generateOptions);
  checkDraft(options);
  const prompt = await readPrompt(io, argument, options.tokens);
  const model = await openModel(context, options);
  let draft: Model | undefined;
  try {
    draft = await openDraft(context, options);
    const generation = model.generate(prompt, draft === undefined ? generateOptions : { ...generateOptions, draftModel: draft });
    if (options.json === true) {
      const result = await generation.result();
      const { name, quantization, tier, threads } = model.loaded;
      await io.out(`${JSON.stringify({ ...result, model: name, quantization, tier, threads })}\n`);
      return;
    }
    if (io.stdoutIsTty && typeof prompt === "string") await io.out(dim(io, prompt));
    await stream(io, generation);
    const result = await generation.result();
    io.err(`${summary(result)}\n`);
    if (options.verbose === true && result.decisions !== null) io.err(describeDecisions(result.decisions));
  } finally {
    draft?.dispose();
    model.dispose();
  }
}

function pick(options: Options, signal: AbortSignal): GenerateOptions {
  const { maxTokens, context, temperature, topK, topP, minP, repetitionPenalty, seed, stop, ignoreEos, speculate, draftTokens } = options;
  const given = Object.entries({
    maxTokens,
    context,
    temperature,
    topK,
    topP,
    minP,
    repetitionPenalty,
    seed,
    stop,
    ignoreEos,
    speculate,
    draftTokens,
  }).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), signal };
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

async function stream(io: Io, generation: Generation): Promise<void> {
  let last = "";
  for await (const { text } of generation) {
    if (text === "") continue;
    await io.out(text);
    last = text;
  }
  if (!last.endsWith("\n")) await io.out("\n");
}

/** The prompt, set off from the answer: only for people at a terminal. */
function dim(io: Io, text: string): string {
  return io.env["NO_COLOR"] ? text : `\u001b[2m${text}\u001b[0m`;
}

function summary(result: GenerationResult): string {
  const parts = [
    `prompt ${result.promptTokens} tokens at ${number(result.prefillTokensPerSecond)}/s`,
    `${result.tokens.length} new at ${number(result.decodeTokensPerSecond)}/s`,
  ];
  if (result.draftedTokens !== null && result.draftedTokens > 0)
    parts.push(`${result.acceptedTokens} of ${result.draftedTokens} drafted tokens accepted in ${result.rounds} rounds`);
  if (result.tls !== null) parts.push(`${percent(result.tls)} of experts skipped`);
  parts.push(`ended by ${result.finishReason}${result.eosTokenId === null ? "" : ` (token ${result.eosTokenId})`}`);
  return `[${parts.join("; ")}]`;
}
