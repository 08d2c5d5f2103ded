import { skipInstruction } from "./operators.ts";
import { leb, signedLeb, WasmReader } from "./reader.ts";

/** The export that counts: a mutable i64. */
export const COUNTER = "executedInstructions";

const HEADER_BYTES = 8;
const IMPORT = 2;
const GLOBAL = 6;
const EXPORT = 7;
const CODE = 10;
const GLOBAL_KIND = 3;
const I64 = 0x7e;

/**
 * A module that counts its own instructions: each straight run of instructions adds its length to one exported global when it begins.
 * The sum is exact wherever nothing traps, and the same on every machine and engine; `end` and `else` are not counted, as they are
 * marks and no instructions. @param bytes a module that has global and export sections (every engine of ours has)
 */
export function instrument(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const reader = new WasmReader(bytes, HEADER_BYTES);
  const out: number[][] = [Array.from(bytes.subarray(0, HEADER_BYTES))];
  let globals = 0;
  while (reader.at < bytes.length) {
    const id = reader.byte();
    const content = new WasmReader(reader.take(reader.number()));
    if (id === IMPORT) globals += importedGlobals(content);
    let changed = Array.from(content.bytes);
    if (id === GLOBAL) {
      const [count, rest] = counted(content.bytes);
      globals += count;
      changed = [...leb(count + 1), ...rest, I64, 1, 0x42, 0, 0x0b];
    } else if (id === EXPORT) {
      const [count, rest] = counted(content.bytes);
      const name = Array.from(new TextEncoder().encode(COUNTER));
      changed = [...leb(count + 1), ...rest, ...leb(name.length), ...name, GLOBAL_KIND, ...leb(globals)];
    } else if (id === CODE) {
      changed = codeSection(new WasmReader(content.bytes), globals);
    }
    out.push([id, ...leb(changed.length)], changed);
  }
  return Uint8Array.from(out.flat());
}

/** A section's number of entries, and their bytes. */
function counted(bytes: Uint8Array): [number, Uint8Array] {
  const reader = new WasmReader(bytes);
  const count = reader.number();
  return [count, bytes.subarray(reader.at)];
}

function importedGlobals(reader: WasmReader): number {
  let globals = 0;
  for (let left = reader.number(); left > 0; left--) {
    reader.take(reader.number());
    reader.take(reader.number());
    const kind = reader.byte();
    if (kind === 0) reader.skipNumber();
    else if (kind === GLOBAL_KIND) {
      globals++;
      reader.at += 2;
    } else {
      if (kind === 1) reader.byte();
      // Bit 0 of a limit's flags: it has an upper bound, too.
      const limits = (reader.byte() & 1) === 1 ? 2 : 1;
      for (let i = 0; i < limits; i++) reader.skipNumber();
    }
  }
  return globals;
}

function codeSection(reader: WasmReader, counter: number): number[] {
  const count = reader.number();
  const out = leb(count);
  for (let left = count; left > 0; left--) {
    const body = functionBody(reader.take(reader.number()), counter);
    for (const byte of leb(body.length)) out.push(byte);
    for (const byte of body) out.push(byte);
  }
  return out;
}

function functionBody(bytes: Uint8Array, counter: number): number[] {
  const reader = new WasmReader(bytes);
  for (let groups = reader.number(); groups > 0; groups--) {
    reader.skipNumber();
    reader.byte();
  }
  const out = Array.from(bytes.subarray(0, reader.at));
  let begin = reader.at;
  let length = 0;
  const close = (): void => {
    // Adding to a global leaves the stack as it is, so it may stand between any two instructions.
    if (length > 0) out.push(0x23, ...leb(counter), 0x42, ...signedLeb(length), 0x7c, 0x24, ...leb(counter));
    for (let i = begin; i < reader.at; i++) out.push(bytes[i] as number);
    begin = reader.at;
    length = 0;
  };
  while (reader.at < bytes.length) {
    const code = bytes[reader.at];
    const flow = skipInstruction(reader);
    if (code !== 0x05 && code !== 0x0b) length++;
    if (flow !== "straight") close();
  }
  return out;
}
