import { quoted } from "../bytes";
import { fail, failed } from "../failure";
import { release, reserve } from "../memory";
import { Source } from "../source";
import { checksum } from "../../assembly/kernels/scalar/checksum";
import { JsonReader } from "./json";

/** Longest header. A packed model has about 100 bytes for each of its tensors. */
export const MAX_HEADER_BYTES: u64 = 16 << 20;
const MAX_TENSORS: i32 = 65536;

/** A U8 tensor of a safetensors file: `offset` is absolute, in bytes. */
export class Entry {
  constructor(
    public offset: u64,
    public bytes: u64,
  ) {}
}

/** The header of a safetensors file whose tensors are all bytes, as a packed model's are: every range is inside the file. */
export class Header {
  entries: Map<string, Entry> = new Map();
  metadata: Map<string, string> = new Map();
  /** Of the JSON as it stands in the file. */
  checksum: u32 = 0;
  private dataStart: u64 = 0;
  private fileSize: u64 = 0;

  /** Reads and checks it. Fails naming the tensor. */
  read(source: Source): void {
    this.fileSize = source.size;
    if (source.size < 8) return fail(`has ${source.size} bytes; a safetensors file begins with 8 bytes of length`, "header");
    const word = reserve(8, "the header");
    if (failed() || !source.read(0, word, 8)) return;
    const length = load<u64>(word);
    release(word, 8);
    if (length > MAX_HEADER_BYTES) {
      return fail(`is said to have ${length} bytes; the limit is ${MAX_HEADER_BYTES}. Is this a safetensors file?`, "header");
    }
    if (length > source.size - 8) {
      return fail(`is said to have ${length} bytes, but the file has ${source.size}; it may be cut short`, "header");
    }
    this.dataStart = 8 + length;
    const at = reserve(length, "the header");
    if (failed() || !source.read(8, at, <u32>length)) return;
    if (length === 0 || load<u8>(at) !== 0x7b) return fail("must begin with '{'; this is not a safetensors file", "header");
    this.checksum = checksum(at, <u32>length);
    this.parse(new JsonReader(at, <u32>length, "header"));
    release(at, length);
  }

  private parse(json: JsonReader): void {
    json.openObject();
    while (json.nextKey()) {
      if (json.isText("__metadata__")) {
        if (this.metadata.size > 0) return json.fail("has __metadata__ twice");
        this.readMetadata(json);
        continue;
      }
      if (json.textLength > 256) return json.fail("a tensor name is longer than 256 bytes");
      const shown = quoted(json.text, json.textLength);
      const name = json.textString();
      if (this.entries.has(name)) return json.fail(`has the tensor ${shown} twice`);
      if (this.entries.size >= MAX_TENSORS) return json.fail(`has more than ${MAX_TENSORS} tensors`);
      const entry = this.readEntry(json, shown);
      if (entry !== null) this.entries.set(name, entry);
    }
    json.finish();
  }

  private readMetadata(json: JsonReader): void {
    json.openObject();
    while (json.nextKey()) {
      const key = json.textString();
      if (this.metadata.size >= 256 || this.metadata.has(key)) return json.fail("__metadata__ has a key twice or more than 256 of them");
      json.readString();
      if (!failed()) this.metadata.set(key, json.textString());
    }
  }

  private readEntry(json: JsonReader, name: string): Entry | null {
    let bytes: bool = false;
    let size: u64 = u64.MAX_VALUE;
    let begin: u64 = u64.MAX_VALUE;
    let end: u64 = 0;
    json.openObject();
    while (json.nextKey()) {
      if (json.isText("dtype")) {
        json.readString();
        bytes = !failed() && json.isText("U8");
      } else if (json.isText("shape")) {
        size = readNumbers(json, 1);
      } else if (json.isText("data_offsets")) {
        begin = readNumbers(json, 2);
        end = second;
      } else {
        json.fail("unknown field in " + name);
      }
    }
    if (failed()) return null;
    if (!bytes) {
      fail("must be of dtype U8: this is not a packed model. Convert the model's folder with `blockffn convert FOLDER --out FILE`", name);
    } else if (size === u64.MAX_VALUE || begin === u64.MAX_VALUE) {
      fail("needs a shape of one number and two data_offsets", name);
    } else if (end < begin || end > this.fileSize - this.dataStart) {
      const where = `data_offsets [${begin}, ${end}] are outside the ${this.fileSize - this.dataStart} bytes of data`;
      fail(`${where}; the file may be cut short`, name);
    } else if (end - begin !== size) {
      fail(`U8 [${size}] needs ${size} bytes but data_offsets give ${end - begin}`, name);
    }
    return new Entry(this.dataStart + begin, size);
  }
}

let second: u64 = 0;

/** An array of so many integers: gives the first and leaves the last in `second`; u64.MAX_VALUE for another number of them. */
function readNumbers(json: JsonReader, count: i32): u64 {
  let first: u64 = u64.MAX_VALUE;
  let seen = 0;
  json.openArray();
  while (json.nextElement()) {
    second = json.readInteger();
    if (seen++ === 0) first = second;
  }
  return seen === count ? first : u64.MAX_VALUE;
}
