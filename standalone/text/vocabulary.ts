import { Bytes, quoted, sameBytes } from "../bytes";
import { fail, failed } from "../failure";
import { JsonReader } from "../format/json";
import { hashBytes, slotsFor, tooManyProbes } from "./hash";

/** Most ids a tokenizer may have. */
export const MAX_IDS: i32 = 1 << 19;
const MAX_TOKEN_BYTES: u32 = 3072;
const FIELD = "model.vocab";

/** Tokens by id and ids by token. The tokens are stretches of the JSON they were read from. */
export class Vocabulary {
  /** Largest id + 1. */
  size: i32 = 0;
  private at: StaticArray<usize> = new StaticArray<usize>(0);
  private lengths: StaticArray<u32> = new StaticArray<u32>(0);
  /** id + 1 by hash; 0 is empty. */
  private slots: StaticArray<u32> = new StaticArray<u32>(0);

  /** Reads the object from token to id. */
  read(json: JsonReader): void {
    const entries = new Bytes();
    json.openObject();
    while (json.nextKey()) {
      const at = json.text;
      const length = json.textLength;
      const id = json.readInteger();
      if (id >= <u64>MAX_IDS) return fail(`the id of ${quoted(at, length)} must be at most ${MAX_IDS - 1}`, FIELD);
      this.size = max(this.size, <i32>id + 1);
      entries.pushInt(<i32>at);
      entries.pushInt(<i32>length);
      entries.pushInt(<i32>id);
    }
    const count = entries.ints / 3;
    if (count === 0) fail("is empty", FIELD);
    if (failed()) return;
    this.at = new StaticArray<usize>(this.size);
    this.lengths = new StaticArray<u32>(this.size);
    this.slots = new StaticArray<u32>(slotsFor(count));
    for (let i = 0; i < count && !failed(); i++) this.add(<usize>entries.int(i * 3), entries.int(i * 3 + 1), entries.int(i * 3 + 2));
    entries.free();
  }

  /** The id of a token; -1 when there is none. */
  find(at: usize, length: u32): i32 {
    const mask = <u32>this.slots.length - 1;
    let slot = hashBytes(at, length) & mask;
    while (true) {
      const entry = this.slots[slot];
      if (entry === 0) return -1;
      if (sameBytes(this.at[entry - 1], this.lengths[entry - 1], at, length)) return <i32>entry - 1;
      slot = (slot + 1) & mask;
    }
  }

  findText(text: string): i32 {
    const utf8 = String.UTF8.encode(text);
    return this.find(changetype<usize>(utf8), utf8.byteLength);
  }

  /** Bytes of a token; 0 for an id without one. */
  tokenAt(id: i32): usize {
    return id >= 0 && id < this.size ? this.at[id] : 0;
  }

  tokenLength(id: i32): u32 {
    return this.tokenAt(id) === 0 ? 0 : this.lengths[id];
  }

  private add(at: usize, length: u32, id: i32): void {
    if (length > MAX_TOKEN_BYTES) return fail(`the token of id ${id} has ${length} bytes; the limit is ${MAX_TOKEN_BYTES}`, FIELD);
    if (this.at[id] !== 0) return fail(`two tokens have the id ${id}`, FIELD);
    this.at[id] = at;
    this.lengths[id] = length;
    const mask = <u32>this.slots.length - 1;
    let slot = hashBytes(at, length) & mask;
    for (let probes: u32 = 0; this.slots[slot] !== 0; slot = (slot + 1) & mask) {
      const other = this.slots[slot] - 1;
      if (sameBytes(this.at[other], this.lengths[other], at, length)) return fail(`${quoted(at, length)} is there twice`, FIELD);
      if (tooManyProbes(++probes, FIELD)) return;
    }
    this.slots[slot] = id + 1;
  }
}
