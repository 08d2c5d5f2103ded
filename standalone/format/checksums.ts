import { checksum } from "../../assembly/kernels/scalar/checksum";
import { fail, failed } from "../failure";
import { release, reserve } from "../memory";
import { Source } from "../source";
import { Header } from "./header";
import { CHECKSUMS, SectionTable } from "./sections";

// Mirrors src/format/packed/checksums.ts.

/** A part of the file and its checksums: `first` is the place of its first run's among all. */
class Sums {
  /** Runs that are compared already. */
  done: u64 = 0;

  constructor(
    public name: string,
    public offset: u64,
    public bytes: u64,
    public run: u64,
    public first: u64,
  ) {}

  get count(): u64 {
    return (this.bytes + this.run - 1) / this.run;
  }
}

/** The checksums of a file of format 3; without `read` there are none, and nothing is compared. */
export class Checksums {
  private parts: Sums[] = [];
  private expected: StaticArray<u32> = new StaticArray<u32>(0);

  /** Reads them and compares the header. Fails naming what is damaged. */
  read(header: Header, table: SectionTable, source: Source): void {
    if (!header.entries.has(CHECKSUMS)) return fail("there is no such tensor of U8", CHECKSUMS);
    const entry = header.entries.get(CHECKSUMS);
    let place: u64 = 1;
    const parts = table.parts.values();
    for (let i = 0; i < parts.length; i++) {
      const tensor = header.entries.get(parts[i].name);
      const sums = new Sums(parts[i].name, tensor.offset, tensor.bytes, parts[i].run, place);
      this.parts.push(sums);
      place += sums.count;
    }
    const bytes = (place + 1) * 4;
    if (entry.bytes !== bytes) return fail(`${entry.bytes} bytes where the table of sections asks for ${bytes}`, CHECKSUMS);
    const at = reserve(bytes, CHECKSUMS);
    if (failed() || !source.read(entry.offset, at, <u32>bytes)) return;
    if (checksum(at, <u32>bytes - 4) !== load<u32>(at + <usize>bytes - 4)) return damaged("", CHECKSUMS);
    if (header.checksum !== load<u32>(at)) return damaged("", "header");
    this.expected = new StaticArray<u32>(<i32>place);
    memory.copy(changetype<usize>(this.expected), at, <usize>place * 4);
    release(at, bytes);
  }

  /** Compares runs that lie whole between `start` and `end` in the file, whose bytes are from `at` on, each once. */
  check(start: u64, end: u64, at: usize): void {
    for (let i = 0; i < this.parts.length; i++) {
      const part = this.parts[i];
      if (part.offset < start || part.offset >= end) continue;
      for (; part.done < part.count; part.done++) {
        const from = part.offset + part.done * part.run;
        const to = min(from + part.run, part.offset + part.bytes);
        if (to > end) return;
        if (checksum(at + <usize>(from - start), <u32>(to - from)) === this.expected[<i32>(part.first + part.done)]) continue;
        const expert = part.name.endsWith("experts") ? `expert ${part.done} of ${part.count} ` : "";
        return damaged(expert, part.name, `bytes ${from} to ${to} of the file`);
      }
    }
  }
}

function damaged(what: string, field: string, where: string = "its bytes"): void {
  fail(`${what}is damaged: ${where} are not what was written; copy or download the file again`, field);
}
