import { Bytes } from "../bytes";
import { fail } from "../failure";
import { Merges } from "./merges";
import { Sections } from "./sections";
import { scanCharacter } from "./utf8";
import { Vocabulary } from "./vocabulary";

/** Longest text without an added token in it, in bytes. */
const MAX_WORD: u32 = 16 << 20;
const HEX = "0123456789ABCDEF";

/**
 * Byte pair encoding (Sennrich et al., arXiv 1508.07909) of one word: the merge that is listed first is done first, the leftmost of its
 * places first.
 */
export class BytePairs {
  /** Special tokens are spelled out in the text: a whole word is none of them, though it reads so. */
  spelled: bool = false;
  /** Their ids. */
  special: Set<i32> = new Set<i32>();
  /** Ids of the byte tokens "<0x00>" to "<0xFF>"; -1 for none. */
  private byteIds: StaticArray<i32> = new StaticArray<i32>(256);
  // Symbols: id, neighbours; how many; and the heap of possible merges.
  private ids: StaticArray<i32> = new StaticArray<i32>(0);
  private previous: StaticArray<i32> = new StaticArray<i32>(0);
  private following: StaticArray<i32> = new StaticArray<i32>(0);
  private count: i32 = 0;
  private heap: Array<u64> = new Array<u64>();

  private byteFallback: bool;
  private fuseUnknown: bool;
  private ignoreMerges: bool;

  /** @param unknown id of the unknown token; -1 for none */
  constructor(
    private vocabulary: Vocabulary,
    private merges: Merges,
    private unknown: i32,
    options: Sections,
  ) {
    this.byteFallback = options.byteFallback;
    this.fuseUnknown = options.fuseUnknown;
    this.ignoreMerges = options.ignoreMerges;
    for (let b = 0; b < 256; b++) {
      this.byteIds[b] = options.byteFallback ? vocabulary.findText("<0x" + HEX.charAt(b >> 4) + HEX.charAt(b & 15) + ">") : -1;
    }
  }

  /** Appends the ids of a word (UTF-8) to `out`. */
  encode(at: usize, length: u32, out: Bytes): void {
    if (this.ignoreMerges) {
      const whole = this.vocabulary.find(at, length);
      if (whole >= 0 && !(this.spelled && this.special.has(whole))) return out.pushInt(whole);
    }
    if (length > MAX_WORD) return fail(`${length} bytes are too many; the limit is ${MAX_WORD}`, "prompt");
    const count = this.symbols(at, length);
    for (let i = 0; i + 1 < count; i++) this.offer(i, i + 1);
    while (this.heap.length > 0) this.merge(this.pop());
    for (let i = 0; i >= 0 && i < count; i = this.following[i]) out.pushInt(this.ids[i]);
  }

  /** One symbol a character that is known; byte tokens, the unknown token or nothing for another one. @returns how many */
  private symbols(at: usize, length: u32): i32 {
    if (<u32>this.ids.length < length) {
      this.ids = new StaticArray<i32>(length);
      this.previous = new StaticArray<i32>(length);
      this.following = new StaticArray<i32>(length);
    }
    this.count = 0;
    // An unknown token waits for the next known character; byte tokens pass it, as they do in the reference.
    let waiting = false;
    for (let i: u32 = 0; i < length;) {
      const size = max(scanCharacter(at + i, length - i), 1);
      const id = this.vocabulary.find(at + i, size);
      if (id >= 0) {
        if (waiting) this.add(this.unknown);
        waiting = false;
        this.add(id);
      } else if (this.hasBytes(at + i, size)) {
        for (let b = 0; b < size; b++) this.add(this.byteIds[load<u8>(at + i + b)]);
      } else if (this.unknown >= 0) {
        if (waiting && !this.fuseUnknown) this.add(this.unknown);
        waiting = true;
      }
      i += size;
    }
    if (waiting) this.add(this.unknown);
    if (this.count > 0) this.following[this.count - 1] = -1;
    return this.count;
  }

  private add(id: i32): void {
    const i = this.count++;
    this.ids[i] = id;
    this.previous[i] = i - 1;
    this.following[i] = i + 1;
  }

  private hasBytes(at: usize, size: i32): bool {
    if (!this.byteFallback) return false;
    for (let i = 0; i < size; i++) if (this.byteIds[load<u8>(at + i)] < 0) return false;
    return true;
  }

  /** Puts a merge of two neighbours on the heap: rank, then place. */
  private offer(left: i32, right: i32): void {
    if (left < 0 || right < 0 || this.ids[left] < 0 || this.ids[right] < 0) return;
    const rank = this.merges.rank(this.ids[left], this.ids[right]);
    if (rank >= 0) this.push(((<u64>rank) << 32) | (<u64>left));
  }

  private merge(entry: u64): void {
    const left = <i32>(entry & 0xffffffff);
    const rank = <i32>(entry >> 32);
    const right = this.following[left];
    // Its symbols may have gone into other merges since it was put there. A swallowed symbol has id -2.
    if (this.ids[left] < 0 || right < 0 || this.merges.rank(this.ids[left], this.ids[right]) !== rank) return;
    this.ids[left] = this.merges.result(rank);
    this.ids[right] = -2;
    const after = this.following[right];
    this.following[left] = after;
    if (after >= 0) this.previous[after] = left;
    this.offer(this.previous[left], left);
    this.offer(left, after);
  }

  private push(entry: u64): void {
    const heap = this.heap;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (heap[parent] <= entry) break;
      heap[i] = heap[parent];
      i = parent;
    }
    heap[i] = entry;
  }

  private pop(): u64 {
    const heap = this.heap;
    const top = heap[0];
    const last = heap.pop();
    const size = heap.length;
    let i = 0;
    while (2 * i + 1 < size) {
      let child = 2 * i + 1;
      if (child + 1 < size && heap[child + 1] < heap[child]) child++;
      if (heap[child] >= last) break;
      heap[i] = heap[child];
      i = child;
    }
    if (size > 0) heap[i] = last;
    return top;
  }
}
