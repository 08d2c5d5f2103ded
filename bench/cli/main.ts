import { nodeIo } from "../../cli/node-io.ts";
import { runBenchProgram } from "./bench.ts";

process.exitCode = await runBenchProgram(process.argv.slice(2), nodeIo);
