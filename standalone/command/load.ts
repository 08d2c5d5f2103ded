import { failed, failuresAbout, takeFailure } from "../failure";
import { LoadedModel, Progress } from "../model/instance";
import { FileSource } from "./file";
import { isTerminal, now, print, STDERR } from "./io";
import { proc_exit } from "./system";

export const EXIT_FAILED: u32 = 1;
export const EXIT_USAGE: u32 = 2;
const PROGRESS_AFTER_MS: f64 = 1000;

/** Ends the program when something failed, saying what. */
export function stopIfFailed(code: u32): void {
  if (!failed()) return;
  print(STDERR, `blockffn: ${takeFailure()}\n`);
  proc_exit(code);
}

/** Reads the model of a file; ends the program when that fails. */
export function loadModel(path: string): LoadedModel {
  failuresAbout(path);
  const model = new LoadedModel();
  const source = FileSource.open(path);
  if (source !== null) model.load(source, new Report());
  stopIfFailed(EXIT_FAILED);
  failuresAbout("");
  return model;
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
