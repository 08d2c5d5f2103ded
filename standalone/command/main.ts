// The stand-alone WASI preview-1 command: one program, one model file, one text or conversation.

import "./abort";
import { Bytes } from "../bytes";
import { Generation } from "../decode/generation";
import { GenerateOptions } from "../decode/options";
import { fail } from "../failure";
import { LoadedModel } from "../model/instance";
import { chat } from "./chat";
import { now, print, randomSeed, readArguments, readInput, STDERR, STDOUT, write } from "./io";
import { EXIT_FAILED, EXIT_USAGE, loadModel, stopIfFailed } from "./load";
import { CommandLine, HELP } from "./options";
import { jsonReport, summary } from "./report";

/** More is no prompt: it would not fit any context. */
const MAX_INPUT_BYTES: u32 = 16 << 20;

export function _start(): void {
  const given = readArguments();
  const line = new CommandLine(new GenerateOptions());
  line.read(given);
  stopIfFailed(EXIT_USAGE);
  if (line.help) return print(STDOUT, HELP);
  if (line.chat) return chat(line, given);
  if (!line.hasSeed) line.generate.seed = randomSeed();
  const text = readPrompt(line);
  stopIfFailed(EXIT_USAGE);
  const model = loadModel(line.model);
  const generation = begin(model, line, text);
  stopIfFailed(EXIT_FAILED);
  run(generation, line, model);
}

function readPrompt(line: CommandLine): Bytes {
  const text = new Bytes();
  if (!line.hasPrompt) return text;
  if (line.prompt != "-") text.appendText(line.prompt);
  else {
    if (!readInput(text, MAX_INPUT_BYTES)) fail(`is longer than ${MAX_INPUT_BYTES} bytes`, "stdin");
    if (text.length > 0 && load<u8>(text.at + text.length - 1) === 0x0a) text.length--;
    if (text.length > 0 && load<u8>(text.at + text.length - 1) === 0x0d) text.length--;
  }
  if (text.length === 0) fail("is empty", "--prompt");
  return text;
}

function begin(model: LoadedModel, line: CommandLine, text: Bytes): Generation {
  const generation = new Generation(model, line.generate, now);
  if (line.hasTokens) {
    generation.begin(line.tokens);
    return generation;
  }
  const ids = new Bytes();
  const tokenizer = model.tokenizer;
  if (tokenizer === null) fail("this model has no tokenizer.json: give the prompt as --tokens", "--prompt");
  else tokenizer.encode(text.at, text.length, ids);
  stopIfFailed(EXIT_FAILED);
  generation.begin(ids);
  return generation;
}

function run(generation: Generation, line: CommandLine, model: LoadedModel): void {
  const all = new Bytes();
  let last: u8 = 0;
  while (generation.next()) {
    const piece = generation.piece;
    if (piece.length === 0) continue;
    if (line.json) all.append(piece.at, piece.length);
    else write(STDOUT, piece.at, piece.length);
    last = load<u8>(piece.at + piece.length - 1);
  }
  stopIfFailed(EXIT_FAILED);
  if (line.json) {
    const report = jsonReport(generation, all, line, model, null);
    return write(STDOUT, report.at, report.length);
  }
  if (last !== 0x0a) print(STDOUT, "\n");
  print(STDERR, summary(generation));
}
