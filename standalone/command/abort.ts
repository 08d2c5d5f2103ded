import { print } from "./io";
import { proc_exit } from "./system";

/** What AssemblyScript calls when one of its own checks fails: says where on stderr (2), then ends as failed (1). */
export function abort(message: string | null, file: string | null, row: u32, column: u32): void {
  const what = message === null ? "stopped" : message;
  print(2, `blockffn: ${what} (${file === null ? "" : file}:${row}:${column}); please report this\n`);
  proc_exit(1);
}
