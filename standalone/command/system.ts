// The calls of WASI preview 1 that the command makes (wasi_snapshot_preview1, witx/wasi_snapshot_preview1.witx).

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "args_sizes_get")
export declare function args_sizes_get(count: usize, bytes: usize): u16;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "args_get")
export declare function args_get(pointers: usize, buffer: usize): u16;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_prestat_get")
export declare function fd_prestat_get(fd: u32, prestat: usize): u16;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_prestat_dir_name")
export declare function fd_prestat_dir_name(fd: u32, path: usize, length: usize): u16;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "path_open")
export declare function path_open(
  fd: u32,
  lookup: u32,
  path: usize,
  length: usize,
  flags: u16,
  rights: u64,
  inheriting: u64,
  fdFlags: u16,
  opened: usize,
): u16;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_filestat_get")
export declare function fd_filestat_get(fd: u32, stat: usize): u16;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_fdstat_get")
export declare function fd_fdstat_get(fd: u32, stat: usize): u16;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_pread")
export declare function fd_pread(fd: u32, vectors: usize, count: usize, offset: u64, read: usize): u16;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_read")
export declare function fd_read(fd: u32, vectors: usize, count: usize, read: usize): u16;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_write")
export declare function fd_write(fd: u32, vectors: usize, count: usize, written: usize): u16;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "clock_time_get")
export declare function clock_time_get(clock: u32, precision: u64, time: usize): u16;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "random_get")
export declare function random_get(buffer: usize, length: usize): u16;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "proc_exit")
export declare function proc_exit(code: u32): void;

export const LOOKUP_FOLLOW: u32 = 1;
export const RIGHT_READ: u64 = 1 << 1;
export const RIGHT_SEEK: u64 = 1 << 2;
export const RIGHT_STAT: u64 = 1 << 21;
export const CLOCK_MONOTONIC: u32 = 1;
export const TYPE_CHARACTER_DEVICE: u8 = 2;
export const TYPE_REGULAR_FILE: u8 = 4;

/** What a call's number means for the user. */
export function errnoText(errno: u16): string {
  switch (errno) {
    case 2:
      return "may not be read; check its permissions";
    case 8:
      return "is not open";
    case 31:
      return "is a folder; a packed model is one file";
    case 32:
      return "links lead in a circle";
    case 37:
      return "the name is too long";
    case 44:
      return "there is no such file; check the path, and that its folder is given to the runtime (--dir)";
    case 54:
      return "a part of this path is a file, not a folder";
    case 63:
      return "may not be read; check its permissions";
    case 76:
      return "lies outside the folders given to the runtime (--dir)";
    default:
      return `cannot be read (WASI error ${errno})`;
  }
}
