import { FormatError, LimitError } from "../../errors.ts";
import { decodeUtf8 } from "../bytes.ts";

/** Most opcodes of a pickle: about 5,000 tensors. An opcode takes one byte but its value up to 130 bytes of memory. */
export const MAX_PICKLE_OPS = 1 << 18;

/** A dict or OrderedDict under construction: keys and values in turn, as they were set. */
export class PickleDict {
  readonly items: unknown[] = [];
}

/** A tuple. */
export class PickleTuple {
  readonly items: readonly unknown[];
  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

/** What the pickle's globals and calls mean. Whatever these do not know they refuse by throwing. */
export interface PickleSemantics {
  global(module: string, name: string): unknown;
  persistent(id: unknown): unknown;
  reduce(callable: unknown, args: readonly unknown[]): unknown;
  build(target: unknown, state: unknown): void;
}

const EMPTY_TUPLE = new PickleTuple([]);

/**
 * Runs a protocol-2 pickle with only the opcodes that a torch state dict has. There is no code in it and none is run: all
 * globals go through `semantics`. Time and memory are bounded by the pickle's length and MAX_PICKLE_OPS.
 * @param field name of the pickle inside `file`, for errors
 * @throws FormatError naming the opcode; LimitError for too many; whatever `semantics` throws.
 */
export function unpickle(bytes: Uint8Array, semantics: PickleSemantics, file: string, field: string): unknown {
  return new Unpickler(bytes, semantics, file, field).run();
}

class Unpickler {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #semantics: PickleSemantics;
  readonly #file: string;
  readonly #field: string;
  #at = 0;
  readonly #stack: unknown[] = [];
  /** Stack heights at each open mark. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, unknown>();

  constructor(bytes: Uint8Array, semantics: PickleSemantics, file: string, field: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#semantics = semantics;
    this.#file = file;
    this.#field = field;
  }

  run(): unknown {
    if (this.#u8() !== 0x80 || this.#u8() !== 2) this.#fail("it is not a pickle of protocol 2");
    for (let ops = 0; ops < MAX_PICKLE_OPS; ops++) {
      const opcode = this.#u8();
      if (opcode === 0x2e /* STOP */) {
        const result = this.#pop();
        if (this.#stack.length > 0 || this.#marks.length > 0 || this.#at !== this.#bytes.length)
          this.#fail("something is left over at its end");
        return result;
      }
      this.#step(opcode);
    }
    throw new LimitError(`more than ${MAX_PICKLE_OPS} opcodes`, { file: this.#file, field: this.#field, limit: MAX_PICKLE_OPS });
  }

  #step(opcode: number): void {
    const stack = this.#stack;
    switch (opcode) {
      case 0x28:
        /* MARK */ return void this.#marks.push(stack.length);
      case 0x4e:
        /* NONE */ return void stack.push(null);
      case 0x88:
        /* NEWTRUE */ return void stack.push(true);
      case 0x89:
        /* NEWFALSE */ return void stack.push(false);
      case 0x4b:
        /* BININT1 */ return void stack.push(this.#u8());
      case 0x4d:
        /* BININT2 */ return void stack.push(this.#view.getUint16(this.#take(2), true));
      case 0x4a:
        /* BININT */ return void stack.push(this.#view.getInt32(this.#take(4), true));
      case 0x8a:
        /* LONG1 */ return void stack.push(this.#long(this.#u8()));
      case 0x58:
        /* BINUNICODE */ return void stack.push(this.#text(this.#u32()));
      case 0x7d:
        /* EMPTY_DICT */ return void stack.push(new PickleDict());
      case 0x29:
        /* EMPTY_TUPLE */ return void stack.push(EMPTY_TUPLE);
      case 0x85:
        /* TUPLE1 */ return this.#tuple(1);
      case 0x86:
        /* TUPLE2 */ return this.#tuple(2);
      case 0x87:
        /* TUPLE3 */ return this.#tuple(3);
      case 0x74:
        /* TUPLE */ return void stack.push(new PickleTuple(this.#popToMark()));
      case 0x73:
        /* SETITEM */ return this.#setItems(this.#popMany(2));
      case 0x75:
        /* SETITEMS */ return this.#setItems(this.#popToMark());
      case 0x71:
        /* BINPUT */ return void this.#memo.set(this.#u8(), this.#peek());
      case 0x72:
        /* LONG_BINPUT */ return void this.#memo.set(this.#u32(), this.#peek());
      case 0x68:
        /* BINGET */ return this.#get(this.#u8());
      case 0x6a:
        /* LONG_BINGET */ return this.#get(this.#u32());
      case 0x63:
        /* GLOBAL */ return void stack.push(this.#semantics.global(this.#line(), this.#line()));
      case 0x51:
        /* BINPERSID */ return void stack.push(this.#semantics.persistent(this.#pop()));
      case 0x52: /* REDUCE */ {
        const args = this.#pop();
        const callable = this.#pop();
        if (!(args instanceof PickleTuple)) return this.#fail("a call without a tuple of arguments");
        return void stack.push(this.#semantics.reduce(callable, args.items));
      }
      case 0x62: /* BUILD */ {
        const state = this.#pop();
        return this.#semantics.build(this.#peek(), state);
      }
      default:
        return this.#fail(`opcode 0x${opcode.toString(16).padStart(2, "0")} is not one that a torch state dict has`);
    }
  }

  #setItems(items: readonly unknown[]): void {
    const dict = this.#peek();
    if (!(dict instanceof PickleDict)) return this.#fail("items for something that is not a dict");
    if (items.length % 2 !== 0) return this.#fail("a key without a value");
    for (const item of items) dict.items.push(item);
  }

  #get(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) return this.#fail(`memo ${index} was never set`);
    this.#stack.push(value);
  }

  #tuple(length: number): void {
    this.#stack.push(new PickleTuple(this.#popMany(length)));
  }

  #popMany(length: number): unknown[] {
    if (this.#stack.length - this.#floor() < length) return this.#fail("the stack is empty");
    return this.#stack.splice(this.#stack.length - length);
  }

  #popToMark(): unknown[] {
    const mark = this.#marks.pop();
    return mark === undefined ? this.#fail("a mark is missing") : this.#stack.splice(mark);
  }

  #pop(): unknown {
    if (this.#stack.length <= this.#floor()) return this.#fail("the stack is empty");
    return this.#stack.pop();
  }

  #peek(): unknown {
    if (this.#stack.length <= this.#floor()) return this.#fail("the stack is empty");
    return this.#stack[this.#stack.length - 1];
  }

  /** Nothing below the last open mark may be touched. */
  #floor(): number {
    return this.#marks[this.#marks.length - 1] ?? 0;
  }

  /** Little-endian two's complement of `length` bytes. */
  #long(length: number): number {
    if (length > 8) return this.#fail("a number has more than 64 bits");
    const at = this.#take(length);
    let value = 0n;
    for (let i = 0; i < length; i++) value |= BigInt(this.#bytes[at + i]!) << BigInt(8 * i);
    const signed = Number(BigInt.asIntN(8 * length, value));
    return Number.isSafeInteger(signed) ? signed : this.#fail("a number is beyond 2^53");
  }

  #line(): string {
    const begin = this.#at;
    while (this.#u8() !== 0x0a) {
      if (this.#at - begin > 256) this.#fail("the name of a global is longer than 256 bytes");
    }
    return this.#decode(begin, this.#at - 1);
  }

  #text(length: number): string {
    const begin = this.#take(length);
    return this.#decode(begin, begin + length);
  }

  #decode(begin: number, end: number): string {
    return decodeUtf8(this.#bytes.subarray(begin, end)) ?? this.#fail("a string is not UTF-8");
  }

  #u8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  #u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** Passes over `length` bytes and returns where they begin. */
  #take(length: number): number {
    if (length > this.#bytes.length - this.#at) this.#fail("it is cut short");
    const begin = this.#at;
    this.#at += length;
    return begin;
  }

  #fail(message: string): never {
    throw new FormatError(`${message} (byte ${this.#at} of the pickle)`, { file: this.#file, field: this.#field });
  }
}
