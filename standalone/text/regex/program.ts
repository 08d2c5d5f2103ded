import { CharacterSet } from "./set";

/** Takes `least` to `most` characters of `set`, as many as it can; it gives them back one by one. */
export const REPEAT: i32 = 0;
/** Goes on at `least` or, when that leads nowhere, at `most`. */
export const SPLIT: i32 = 1;
/** Goes on at `least`. */
export const JUMP: i32 = 2;
/** Goes on if no character of `set` is next. */
export const NOT_AHEAD: i32 = 3;
export const END: i32 = 4;

export class Instruction {
  set: CharacterSet | null = null;
  least: i32 = 0;
  most: i32 = 0;

  constructor(public kind: i32) {}
}

/** A regular expression as instructions: none is run twice in a match, so it takes as many places to come back to at most. */
export class Program {
  instructions: Instruction[] = [];

  add(kind: i32, set: CharacterSet | null = null, least: i32 = 0, most: i32 = 0): Instruction {
    const instruction = new Instruction(kind);
    instruction.set = set;
    instruction.least = least;
    instruction.most = most;
    this.instructions.push(instruction);
    return instruction;
  }

  /** Place of the next instruction that is added. */
  get next(): i32 {
    return this.instructions.length;
  }
}

/** A program that finds a text as it is written. */
export function literalProgram(text: string): Program {
  const program = new Program();
  for (let i = 0; i < text.length;) {
    const code = <u32>text.codePointAt(i);
    const set = new CharacterSet();
    set.add(code, code);
    program.add(REPEAT, set, 1, 1);
    i += code > 0xffff ? 2 : 1;
  }
  program.add(END);
  return program;
}
