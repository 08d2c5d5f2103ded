import { Bytes, quoted } from "../bytes";
import { fail, failed } from "../failure";
import { JsonReader } from "../format/json";
import { hashPair, slotsFor, tooManyProbes } from "./hash";
import { Vocabulary } from "./vocabulary";

const FIELD = "model.merges";

/** Which two tokens merge, in which order, and into which. */
export class Merges {
  private lefts: StaticArray<i32> = new StaticArray<i32>(0);
  private rights: StaticArray<i32> = new StaticArray<i32>(0);
  private results: StaticArray<i32> = new StaticArray<i32>(0);
  /** rank + 1 by hash of the pair; 0 is empty. */
  private slots: StaticArray<u32> = new StaticArray<u32>(0);

  /** Reads the list of "left right" or ["left", "right"]. */
  read(json: JsonReader, vocabulary: Vocabulary): void {
    const pairs = new Bytes();
    const joined = new Bytes();
    json.openArray();
    while (json.nextElement()) {
      if (json.peek() === 0x5b) this.readList(json, vocabulary, joined, pairs);
      else this.readText(json, vocabulary, joined, pairs);
    }
    joined.free();
    const count = pairs.ints / 3;
    this.lefts = new StaticArray<i32>(count);
    this.rights = new StaticArray<i32>(count);
    this.results = new StaticArray<i32>(count);
    this.slots = new StaticArray<u32>(slotsFor(count));
    for (let rank = 0; rank < count && !failed(); rank++) {
      this.add(rank, pairs.int(rank * 3), pairs.int(rank * 3 + 1), pairs.int(rank * 3 + 2));
    }
    pairs.free();
  }

  /** Place of a pair in the list, which is its priority; -1 when it does not merge. */
  rank(left: i32, right: i32): i32 {
    const mask = <u32>this.slots.length - 1;
    let slot = hashPair(left, right) & mask;
    while (true) {
      const rank = <i32>this.slots[slot] - 1;
      if (rank < 0 || (this.lefts[rank] === left && this.rights[rank] === right)) return rank;
      slot = (slot + 1) & mask;
    }
  }

  /** The token that a merge gives. */
  result(rank: i32): i32 {
    return this.results[rank];
  }

  private readList(json: JsonReader, vocabulary: Vocabulary, joined: Bytes, pairs: Bytes): void {
    joined.clear();
    json.openArray();
    let count = 0;
    let left = -1;
    let right = -1;
    while (json.nextElement()) {
      json.readString();
      if (failed()) return;
      joined.append(json.text, json.textLength);
      left = right;
      right = vocabulary.find(json.text, json.textLength);
      if (++count > 2) break;
    }
    this.note(count === 2, left, right, vocabulary, joined, pairs);
  }

  private readText(json: JsonReader, vocabulary: Vocabulary, joined: Bytes, pairs: Bytes): void {
    json.readString();
    if (failed()) return;
    let space = json.textLength;
    let spaces = 0;
    for (let i: u32 = 0; i < json.textLength; i++) {
      if (load<u8>(json.text + i) !== 0x20) continue;
      space = i;
      spaces++;
    }
    joined.clear();
    if (spaces !== 1) return this.note(false, -1, -1, vocabulary, joined, pairs);
    const after = json.text + space + 1;
    const rest = json.textLength - space - 1;
    joined.append(json.text, space);
    joined.append(after, rest);
    this.note(true, vocabulary.find(json.text, space), vocabulary.find(after, rest), vocabulary, joined, pairs);
  }

  private note(two: bool, left: i32, right: i32, vocabulary: Vocabulary, joined: Bytes, pairs: Bytes): void {
    if (failed()) return;
    const field = `${FIELD}.${pairs.ints / 3}`;
    if (!two) return fail("must be two tokens", field);
    const result = vocabulary.find(joined.at, joined.length);
    if (left < 0 || right < 0 || result < 0) {
      return fail(`the parts of ${quoted(joined.at, joined.length)}, or it, are not in model.vocab`, field);
    }
    pairs.pushInt(left);
    pairs.pushInt(right);
    pairs.pushInt(result);
  }

  private add(rank: i32, left: i32, right: i32, result: i32): void {
    this.lefts[rank] = left;
    this.rights[rank] = right;
    this.results[rank] = result;
    const mask = <u32>this.slots.length - 1;
    let slot = hashPair(left, right) & mask;
    for (let probes: u32 = 0; this.slots[slot] !== 0; slot = (slot + 1) & mask) {
      const other = this.slots[slot] - 1;
      // The last one of a pair that is listed twice counts.
      if (this.lefts[other] === left && this.rights[other] === right) break;
      if (tooManyProbes(++probes, FIELD)) return;
    }
    this.slots[slot] = rank + 1;
  }
}
