import { fail } from "../failure";
import { Source } from "../source";
import { drop, takeString } from "./abi";

// @ts-ignore: decorator
@external("blockffn:runtime/files@0.1.0", "size")
declare function filesSize(path: usize, length: usize, result: usize): void;
// @ts-ignore: decorator
@external("blockffn:runtime/files@0.1.0", "read")
declare function filesRead(path: usize, length: usize, offset: u64, count: u32, result: usize): void;

/** Most bytes asked for at once. */
const MAX_READ: u32 = 4 << 20;

const area = memory.data(16, 8);

/** A packed model that the host gave as bytes. */
export class MemorySource extends Source {
  constructor(
    name: string,
    private at: usize,
    length: u32,
  ) {
    super(name, length);
  }

  read(offset: u64, target: usize, length: u32): bool {
    if (offset > this.size || <u64>length > this.size - offset) {
      fail(`bytes ${offset} to ${offset + length} are outside the ${this.size} bytes`);
      return false;
    }
    memory.copy(target, this.at + <usize>offset, length);
    return true;
  }
}

/** A file that the host reads for us. */
export class HostSource extends Source {
  static open(path: string): HostSource | null {
    const utf8 = String.UTF8.encode(path);
    filesSize(changetype<usize>(utf8), utf8.byteLength, area);
    if (load<u8>(area) === 0) return new HostSource(path, load<u64>(area + 8));
    fail(takeString(load<u32>(area + 8), load<u32>(area + 12)));
    return null;
  }

  read(offset: u64, target: usize, length: u32): bool {
    const utf8 = String.UTF8.encode(this.name);
    while (length > 0) {
      const count = min(length, MAX_READ);
      filesRead(changetype<usize>(utf8), utf8.byteLength, offset, count, area);
      const at = <usize>load<u32>(area + 4);
      const got = load<u32>(area + 8);
      if (load<u8>(area) !== 0) {
        fail(takeString(at, got));
        return false;
      }
      if (got === count) memory.copy(target, at, count);
      drop(at, got);
      if (got !== count) {
        fail(`the host gave ${got} bytes where ${count} were asked for`);
        return false;
      }
      offset += count;
      target += count;
      length -= count;
    }
    return true;
  }
}
