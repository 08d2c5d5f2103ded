import { Bytes } from "../bytes";
import { fail } from "../failure";
import {
  args_get,
  args_sizes_get,
  CLOCK_MONOTONIC,
  clock_time_get,
  fd_fdstat_get,
  fd_read,
  fd_write,
  proc_exit,
  random_get,
  TYPE_CHARACTER_DEVICE,
} from "./system";

export const STDIN: u32 = 0;
export const STDOUT: u32 = 1;
export const STDERR: u32 = 2;

/** Bytes of stdin that are asked for at once, where lines are read. */
const LINE_READ: u32 = 4096;

/** Room for one vector, results and file states of system calls. */
const area = memory.data(64, 8);

/** Arguments after the program's name; a first "--" that a runtime hands on is dropped. */
export function readArguments(): string[] {
  const list = new Array<string>();
  if (args_sizes_get(area, area + 4) !== 0) return list;
  const count = load<u32>(area);
  const bytes = load<u32>(area + 4);
  const pointers = heap.alloc(count * 4 + 4);
  const buffer = heap.alloc(bytes + 1);
  if (args_get(pointers, buffer) === 0) {
    for (let i: u32 = 1; i < count; i++) {
      const at = <usize>load<u32>(pointers + (i << 2));
      list.push(String.UTF8.decodeUnsafe(at, buffer + bytes - at, true));
    }
  }
  heap.free(pointers);
  heap.free(buffer);
  if (list.length > 0 && list[0] == "--") list.shift();
  return list;
}

/** Writes bytes; what cannot be written (a closed pipe) ends the program, as nobody listens any more. */
export function write(fd: u32, at: usize, length: u32): void {
  while (length > 0) {
    store<u32>(area, <u32>at);
    store<u32>(area + 4, length);
    if (fd_write(fd, area, 1, area + 8) !== 0) proc_exit(1);
    const written = load<u32>(area + 8);
    if (written === 0) proc_exit(1);
    at += written;
    length -= written;
  }
}

export function print(fd: u32, text: string): void {
  const utf8 = String.UTF8.encode(text);
  write(fd, changetype<usize>(utf8), utf8.byteLength);
}

/** Reads stdin to its end, at most `limit` bytes. @returns false when there is more */
export function readInput(out: Bytes, limit: u32): bool {
  const size: u32 = 65536;
  const buffer = heap.alloc(size);
  let more = true;
  while (more) {
    store<u32>(area, <u32>buffer);
    store<u32>(area + 4, size);
    if (fd_read(STDIN, area, 1, area + 8) !== 0) break;
    const count = load<u32>(area + 8);
    more = count > 0;
    if (out.length + count > limit) {
      heap.free(buffer);
      return false;
    }
    out.append(buffer, count);
  }
  heap.free(buffer);
  return true;
}

/** Lines of stdin, as they come. */
export class InputLines {
  /** The last line, without its end. */
  line: Bytes = new Bytes();
  private chunk: Bytes = new Bytes();
  private at: u32 = 0;
  private ended: bool = false;

  /** Reads the next line; false at the end of input. A line that is longer than `limit` is a failure. */
  next(limit: u32): bool {
    const line = this.line;
    line.clear();
    while (true) {
      while (this.at < this.chunk.length) {
        const byte = load<u8>(this.chunk.at + this.at++);
        if (byte === 0x0a) {
          if (line.length > 0 && load<u8>(line.at + line.length - 1) === 0x0d) line.length--;
          return true;
        }
        if (line.length >= limit) {
          fail(`has a line of more than ${limit} bytes`, "stdin");
          return false;
        }
        line.push(byte);
      }
      if (this.ended || !this.fill()) return line.length > 0;
    }
  }

  private fill(): bool {
    const buffer = heap.alloc(LINE_READ);
    store<u32>(area, <u32>buffer);
    store<u32>(area + 4, LINE_READ);
    const count = fd_read(STDIN, area, 1, area + 8) === 0 ? load<u32>(area + 8) : 0;
    this.chunk.clear();
    this.chunk.append(buffer, count);
    heap.free(buffer);
    this.at = 0;
    this.ended = count === 0;
    return count > 0;
  }
}

/** Milliseconds from any fixed point. */
export function now(): f64 {
  if (clock_time_get(CLOCK_MONOTONIC, 1000, area) !== 0) return 0;
  return <f64>load<u64>(area) / 1e6;
}

/** 32 random bits. */
export function randomSeed(): u64 {
  store<u32>(area, 0);
  random_get(area, 4);
  return <u64>load<u32>(area);
}

export function isTerminal(fd: u32): bool {
  return fd_fdstat_get(fd, area) === 0 && load<u8>(area) === TYPE_CHARACTER_DEVICE;
}
