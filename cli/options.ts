import { InvalidArgumentError, Option, type Command } from "commander";
import { SPECULATE } from "../src/decode/options.ts";
import { TIERS } from "../src/host.ts";
import { QUANTIZATIONS } from "../src/architecture/quantization.ts";

/** A whole number as an option's value; its range is checked where it is used. */
export function wholeNumber(text: string): number {
  if (!/^[+-]?\d{1,15}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

/** A number as an option's value. */
export function decimal(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidArgumentError("It must be a number.");
  return value;
}

/** Token ids, separated by commas. */
export function tokenIds(text: string): number[] {
  return text.split(",").map((part) => {
    if (!/^\s*\d{1,10}\s*$/.test(part)) throw new InvalidArgumentError("It must be token ids separated by commas, such as 1,2,3.");
    return Number(part);
  });
}

/** Collects the values of an option that may be given more than once. */
export function collect(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** The default of what converses (cli/model.ts: defaultModel). */
export const CONVERSATION_MODEL = "chat where blockffn-chat is installed, else nano";
/** @param otherwise which model is taken when none is named */
export const modelOption = (otherwise = "nano"): Option =>
  new Option(
    "-m, --model <model>",
    "packed model, GGUF file or Hugging Face folder; or a name (nano, chat), hf:OWNER/NAME or a URL: see `blockffn models` " +
      `(default: ${otherwise})`,
  );
export const tierOption = (): Option => new Option("--tier <tier>", "kernels to use (default: the fastest that works here)").choices(TIERS);
export const threadsOption = (): Option =>
  new Option("--threads <n>", "threads to run on at most; changes no bit (default: the physical cores where that is faster)").argParser(
    wholeNumber,
  );
export const quantizeOption = (): Option =>
  new Option(
    "--quantize <type>",
    "weights of a Hugging Face folder (default: f32), of a GGUF file (default: q8 where it is in blocks, else f32), or of what is " +
      "fetched (default: q8)",
  ).choices(QUANTIZATIONS);
export const ffnOption = (): Option =>
  new Option("--ffn <mode>", "sparse skips inactive experts, dense computes them too").choices(["sparse", "dense"]);
export const backendOption = (): Option =>
  new Option("--backend <name>", "where to compute: wasm, webgpu (a GPU, in runtimes that have WebGPU, such as Deno), or auto")
    .choices(["wasm", "webgpu", "auto"])
    .default("wasm");
export const forceOption = (): Option =>
  new Option("--force", "replace a file that this command did not write; what it reads is never replaced");
export const jsonOption = (): Option => new Option("--json", "print one JSON object");

/** Who guesses tokens ahead. */
export const speculationOptions = (): readonly Option[] => [
  new Option(
    "--speculate <way>",
    "verify several guessed tokens at once, same text: ngram guesses from what was said before, eagle by the model's draft " +
      "head, model by --draft-model; auto takes what is fastest, nothing included (default: auto)",
  ).choices(SPECULATE),
  new Option("--draft-model <path>", "smaller model of the same vocabulary that guesses"),
  new Option("--draft-tokens <n>", "most nodes of a tree of guesses, 2 to 64 (default: what is best)").argParser(wholeNumber),
];

/** Adds several options to a command. */
export function addOptions(command: Command, options: readonly Option[]): Command {
  for (const option of options) command.addOption(option);
  return command;
}
