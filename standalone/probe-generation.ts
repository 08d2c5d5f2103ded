// For test/standalone/failure.test.ts alone: a generation that goes on being asked after it failed, which the command never does.
import { Bytes } from "./bytes";
import { Generation } from "./decode/generation";
import { GenerateOptions } from "./decode/options";
import { fail, failed } from "./failure";
import { LoadedModel } from "./model/instance";
import { Source } from "./source";

export { failure, outputAt, outputLength, releasePages, reservePages } from "./probe";

class MemorySource extends Source {
  constructor(
    private at: usize,
    length: u32,
  ) {
    super("test", length);
  }

  read(offset: u64, target: usize, length: u32): bool {
    if (offset > this.size || <u64>length > this.size - offset) {
      fail("is too short");
      return false;
    }
    memory.copy(target, this.at + <usize>offset, length);
    return true;
  }
}

let generation: Generation | null = null;

/** Loads a packed model and begins a greedy generation of 4 tokens after one token. */
export function begin(at: usize, length: u32, token: i32): void {
  const model = new LoadedModel();
  model.load(new MemorySource(at, length));
  if (failed()) return;
  const options = new GenerateOptions();
  options.maxTokens = 4;
  const prompt = new Bytes();
  prompt.pushInt(token);
  const begun = new Generation(model, options, noClock);
  begun.begin(prompt);
  generation = begun;
}

function noClock(): f64 {
  return 0;
}

/** The next token; -1 at the end, or after a failure. */
export function next(): i32 {
  const begun = generation as Generation;
  return begun.next() ? begun.id : -1;
}
