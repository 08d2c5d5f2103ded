import { FormatError } from "../../errors.ts";
import { readRange } from "../bytes.ts";
import { Checksum } from "../checksum.ts";
import type { SafetensorsFile } from "../safetensors/safetensors.ts";
import type { ByteSource } from "../source.ts";
import { CHECKSUMS, type Section } from "./sections.ts";

/** A stretch of the file with a checksum: of weights with experts, one expert. */
export interface Run {
  readonly part: string;
  /** Which of the part's runs, and how many these are. */
  readonly index: number;
  readonly count: number;
  readonly section: string;
  /** From the start of the file, in bytes. */
  readonly offset: number;
  readonly bytes: number;
  /** Place among the checksums. */
  readonly place: number;
}

/** Checksum of some bytes, as a u32. */
export function checksumOf(bytes: Uint8Array): number {
  const sum = new Checksum();
  sum.add(bytes);
  return sum.value();
}

/**
 * The checksums of a file of format 3: u32, little-endian, of the header's JSON, of every run in the table's order, and of the checksums
 * before. They stand at the end, as writers know them last: a stream's bytes are summed as they come and compared when it ends.
 */
export class Checksums {
  readonly runs: readonly Run[];
  readonly #file: SafetensorsFile;
  readonly #offset: number;
  #expected: Uint32Array | undefined;
  readonly #seen = new Map<Run, number>();

  /** @throws FormatError when there are not as many checksums as runs. */
  constructor(file: SafetensorsFile, sections: readonly Section[]) {
    this.#file = file;
    const where = { file: file.name, field: CHECKSUMS };
    const entry = file.entry(CHECKSUMS);
    if (entry === undefined || entry.dtype !== "U8") throw new FormatError("there is no such tensor of U8", where);
    const counts = sections.flatMap(({ parts }) => parts.map(({ name, run }) => Math.ceil((file.entry(name)?.byteLength ?? 0) / run)));
    const bytes = 4 * (counts.reduce((sum, count) => sum + count, 0) + 2);
    if (entry.byteLength !== bytes) throw new FormatError(`${entry.byteLength} bytes where the table of sections asks for ${bytes}`, where);
    this.#offset = entry.offset;
    const runs: Run[] = [];
    for (const { name: section, parts } of sections) {
      for (const { name: part, run } of parts) {
        const { offset, byteLength } = file.entry(part)!;
        const count = Math.ceil(byteLength / run);
        for (let index = 0; index < count; index++) {
          runs.push({
            part,
            index,
            count,
            section,
            offset: offset + index * run,
            bytes: Math.min(run, byteLength - index * run),
            place: runs.length + 1,
          });
        }
      }
    }
    this.runs = runs;
  }

  /** Reads the checksums, and compares the header and whatever was summed before. @throws FormatError, SourceError */
  async read(source: ByteSource): Promise<void> {
    if (this.#expected !== undefined) return;
    const bytes = await readRange(source, this.#offset, 4 * (this.runs.length + 2), CHECKSUMS);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const expected = Uint32Array.from({ length: this.runs.length + 2 }, (_, i) => view.getUint32(4 * i, true));
    if (checksumOf(bytes.subarray(0, bytes.length - 4)) !== expected[expected.length - 1]) throw this.#damage(CHECKSUMS);
    if (checksumOf(this.#file.headerJson) !== expected[0]) throw this.#damage("header");
    this.#expected = expected;
    for (const [run, sum] of this.#seen) this.compare(run, sum);
    this.#seen.clear();
  }

  /** Compares the checksum of a run's bytes, or keeps it until the checksums are read. @throws FormatError naming part and run. */
  compare(run: Run, sum: number): void {
    if (this.#expected === undefined) this.#seen.set(run, sum);
    else if (this.#expected[run.place] !== sum) throw this.#damage(run.part, run);
  }

  /** Runs of one part. */
  of(part: string): Run[] {
    return this.runs.filter((run) => run.part === part);
  }

  #damage(field: string, run?: Run): FormatError {
    const expert = run !== undefined && run.part.endsWith("experts") ? `expert ${run.index} of ${run.count} ` : "";
    const where = run === undefined ? "its bytes" : `bytes ${run.offset} to ${run.offset + run.bytes} of the file`;
    return new FormatError(`${expert}is damaged: ${where} are not what was written; copy or download the file again`, {
      file: this.#file.name,
      field,
    });
  }
}
