import { fail, failed } from "../failure";
import { Source } from "../source";
import {
  errnoText,
  fd_filestat_get,
  fd_pread,
  fd_prestat_dir_name,
  fd_prestat_get,
  LOOKUP_FOLLOW,
  path_open,
  RIGHT_READ,
  RIGHT_SEEK,
  RIGHT_STAT,
  TYPE_REGULAR_FILE,
} from "./system";

const FIRST_FOLDER: u32 = 3;
const MAX_FOLDER_NAME: u32 = 4096;
/** Most bytes of one read call. */
const MAX_READ: u32 = 1 << 30;

const area = memory.data(64, 8);

/** A file below one of the folders that the runtime gives. */
export class FileSource extends Source {
  private constructor(
    name: string,
    size: u64,
    private fd: u32,
  ) {
    super(name, size);
  }

  /** Opens a regular file; null, and a failure, when that cannot be done. */
  static open(path: string): FileSource | null {
    const fd = openPath(path);
    if (failed()) return null;
    const errno = fd_filestat_get(fd, area);
    if (errno !== 0) fail(errnoText(errno));
    else if (load<u8>(area + 16) !== TYPE_REGULAR_FILE) fail("is not a regular file; a packed model is one file");
    return failed() ? null : new FileSource(path, load<u64>(area + 32), fd);
  }

  read(offset: u64, target: usize, length: u32): bool {
    while (length > 0) {
      store<u32>(area, <u32>target);
      store<u32>(area + 4, min(length, MAX_READ));
      const errno = fd_pread(this.fd, area, 1, offset, area + 8);
      const count = load<u32>(area + 8);
      if (errno !== 0) fail(errnoText(errno));
      else if (count === 0) fail(`ends before its ${this.size} bytes: became shorter while it was read`);
      if (failed()) return false;
      offset += count;
      target += count;
      length -= count;
    }
    return true;
  }
}

/** Opens a path below the folder whose name is the longest beginning of it, as wasi-libc does. */
function openPath(path: string): u32 {
  const wanted = plain(path);
  let best: i64 = -1;
  let rest = "";
  let shortest = i32.MAX_VALUE;
  for (let fd = FIRST_FOLDER; fd_prestat_get(fd, area) === 0; fd++) {
    const inner = below(plain(folderName(fd, load<u32>(area + 4))), wanted);
    if (inner.length === 0 || inner.length >= shortest) continue;
    best = fd;
    rest = inner;
    shortest = inner.length;
  }
  if (best < 0) {
    fail("lies in no folder that the runtime was given: pass it on, as in `wasmtime run --dir .`");
    return 0;
  }
  const utf8 = String.UTF8.encode(rest);
  const errno = path_open(
    <u32>best,
    LOOKUP_FOLLOW,
    changetype<usize>(utf8),
    utf8.byteLength,
    0,
    RIGHT_READ | RIGHT_SEEK | RIGHT_STAT,
    0,
    0,
    area,
  );
  if (errno !== 0) fail(errnoText(errno));
  return load<u32>(area);
}

function folderName(fd: u32, length: u32): string {
  if (length > MAX_FOLDER_NAME) return "";
  const buffer = new ArrayBuffer(length);
  if (fd_prestat_dir_name(fd, changetype<usize>(buffer), length) !== 0) return "";
  return String.UTF8.decode(buffer);
}

/** A path without the parts that lead nowhere: "." and empty ones. */
function plain(path: string): string {
  const parts = path.split("/");
  let out = path.startsWith("/") ? "/" : "";
  for (let i = 0; i < parts.length; i++) {
    if (parts[i] == "" || parts[i] == ".") continue;
    if (out != "" && out != "/") out += "/";
    out += parts[i];
  }
  return out;
}

/** What of `path` is left below a folder; "" when it is not below it. Relative paths are below "." and "/". */
function below(folder: string, path: string): string {
  if (folder == "/") return path.startsWith("/") ? path.slice(1) : path;
  if (folder == "") return path.startsWith("/") ? "" : path;
  return path.startsWith(folder + "/") ? path.slice(folder.length + 1) : "";
}
