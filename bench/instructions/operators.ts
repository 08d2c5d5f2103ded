import type { WasmReader } from "./reader.ts";

/** What an instruction does to the straight run of instructions that it ends, if it ends one. */
export type Flow = "straight" | "open" | "end" | "branch";

const SINGLE_BYTE = 0x100;

/**
 * Passes over one instruction of WebAssembly (core 2.0 with threads, SIMD and relaxed SIMD). Opcodes and immediates are those of the
 * specification's binary format. @throws Error for an instruction that it does not know.
 */
export function skipInstruction(reader: WasmReader): Flow {
  const code = reader.byte();
  if (code === 0xfc) return saturating(reader);
  if (code === 0xfd) return vector(reader);
  if (code === 0xfe) return atomic(reader);
  if (code === 0x02 || code === 0x03 || code === 0x04) {
    // A block type: a value type, nothing, or the index of a function's type.
    reader.skipNumber();
    return code === 0x02 ? "straight" : "open";
  }
  if (code === 0x05) return "open";
  if (code === 0x0b) return "end";
  if (code === 0x0c || code === 0x0d) {
    reader.skipNumber();
    return "branch";
  }
  if (code === 0x0e) {
    for (let targets = reader.number() + 1; targets > 0; targets--) reader.skipNumber();
    return "branch";
  }
  if (code === 0x00 || code === 0x0f) return "branch";
  if (code === 0x01 || code === 0x1a || code === 0x1b || (code >= 0x45 && code <= 0xc4)) return "straight";
  if (code === 0x10 || (code >= 0x20 && code <= 0x26) || code === 0x41 || code === 0x42) reader.skipNumber();
  else if (code === 0x11) skipNumbers(reader, 2);
  else if (code >= 0x28 && code <= 0x3e) skipNumbers(reader, 2);
  else if (code === 0x3f || code === 0x40) reader.byte();
  else if (code === 0x43) reader.at += 4;
  else if (code === 0x44) reader.at += 8;
  else throw unknown(code);
  return "straight";
}

function skipNumbers(reader: WasmReader, count: number): void {
  for (; count > 0; count--) reader.skipNumber();
}

function unknown(code: number): Error {
  return new Error(`instruction 0x${code.toString(16)} is not known to bench/instructions`);
}

function saturating(reader: WasmReader): Flow {
  const code = reader.number();
  if (code > 11) throw unknown(0xfc00 + code);
  // memory.init and memory.copy have two immediates, data.drop and memory.fill one.
  if (code === 8 || code === 10) skipNumbers(reader, 2);
  else if (code === 9 || code === 11) reader.skipNumber();
  return "straight";
}

function vector(reader: WasmReader): Flow {
  const code = reader.number();
  if (code > SINGLE_BYTE + 0x13) throw unknown(0xfd00 + code);
  if (code <= 0x0b || code === 0x5c || code === 0x5d) skipNumbers(reader, 2);
  else if (code === 0x0c || code === 0x0d) reader.at += 16;
  else if (code >= 0x15 && code <= 0x22) reader.byte();
  else if (code >= 0x54 && code <= 0x5b) {
    skipNumbers(reader, 2);
    reader.byte();
  }
  return "straight";
}

function atomic(reader: WasmReader): Flow {
  const code = reader.number();
  if (code > 0x4e) throw unknown(0xfe00 + code);
  if (code === 0x03) reader.byte();
  else skipNumbers(reader, 2);
  return "straight";
}
