import { nodeIo } from "../../cli/node-io.ts";
import { newProgram, run } from "../../cli/run.ts";
import { registerBenchBig } from "./big.ts";
import { registerBenchCompare } from "./compare.ts";
import { registerBenchModes } from "./modes.ts";
import { measureParts } from "./speed.ts";

process.exitCode = await run(process.argv.slice(2), nodeIo, (context) => {
  const bench = newProgram("bench", context);
  measureParts(bench, context);
  registerBenchModes(bench, context);
  registerBenchBig(bench, context);
  registerBenchCompare(bench, context);
  return bench;
});
