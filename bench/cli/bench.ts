import type { Command } from "commander";
import type { Context, Io } from "../../cli/io.ts";
import { newProgram, run } from "../../cli/run.ts";
import { registerBenchBig } from "./big.ts";
import { registerBenchCompare } from "./compare.ts";
import { registerBenchContext } from "./context.ts";
import { registerBenchInstructions } from "./instructions.ts";
import { registerBenchModes } from "./modes.ts";
import { registerBenchRows } from "./rows.ts";
import { measureParts } from "./speed.ts";

/** Runs the benchmarks' command line and gives its exit code (cli/run.ts). */
export function runBenchProgram(args: readonly string[], io: Io): Promise<number> {
  return run(args, io, program);
}

/** The commands of `npm run bench`. */
export function program(context: Context): Command {
  const bench = newProgram("bench", context);
  measureParts(bench, context);
  for (const register of [
    registerBenchModes,
    registerBenchRows,
    registerBenchBig,
    registerBenchCompare,
    registerBenchInstructions,
    registerBenchContext,
  ])
    register(bench, context);
  return bench;
}
