// The stand-alone WASI preview-1 command: one program, one model file, one text.

import "./abort";
import { Bytes } from "../bytes";
import { Generation } from "../decode/generation";
import { fail, failed, failuresAbout, takeFailure } from "../failure";
import { LoadedModel, Progress } from "../model/instance";
import { FileSource } from "./file";
import { isTerminal, now, print, randomSeed, readArguments, readInput, STDERR, STDOUT, write } from "./io";
import { CommandLine, HELP } from "./options";
import { jsonReport, summary } from "./report";
import { proc_exit } from "./system";

const EXIT_FAILED: u32 = 1;
const EXIT_USAGE: u32 = 2;
/** More is no prompt: it would not fit any context. */
const MAX_INPUT_BYTES: u32 = 16 << 20;
const PROGRESS_AFTER_MS: f64 = 1000;

export function _start(): void {
  const line = new CommandLine();
  line.read(readArguments());
  stopIfFailed(EXIT_USAGE);
  if (line.help) return print(STDOUT, HELP);
  if (!line.hasSeed) line.generate.seed = randomSeed();
  const text = readPrompt(line);
  stopIfFailed(EXIT_USAGE);
  const model = loadModel(line.model);
  const generation = begin(model, line, text);
  stopIfFailed(EXIT_FAILED);
  run(generation, line, model);
}

function stopIfFailed(code: u32): void {
  if (!failed()) return;
  print(STDERR, `blockffn: ${takeFailure()}\n`);
  proc_exit(code);
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

function loadModel(path: string): LoadedModel {
  failuresAbout(path);
  const model = new LoadedModel();
  const source = FileSource.open(path);
  if (source !== null) model.load(source, new Report());
  stopIfFailed(EXIT_FAILED);
  failuresAbout("");
  return model;
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
    const report = jsonReport(generation, all, line, model);
    return write(STDOUT, report.at, report.length);
  }
  if (last !== 0x0a) print(STDOUT, "\n");
  print(STDERR, summary(generation));
}

/** Tells people at a terminal how far reading is, once it takes long. */
class Report extends Progress {
  private start: f64 = now();
  private terminal: bool = isTerminal(STDERR);

  update(done: u64, total: u64): void {
    if (!this.terminal || now() - this.start < PROGRESS_AFTER_MS) return;
    print(STDERR, done < total ? `\rreading the model: ${(done * 100) / total} %` : "\r\x1b[K");
  }
}
