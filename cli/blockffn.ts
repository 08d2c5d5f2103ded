import type { Command } from "commander";
import { registerChat } from "./commands/chat.ts";
import { registerConvert } from "./commands/convert.ts";
import { registerEval } from "./commands/eval.ts";
import { registerGenerate } from "./commands/generate.ts";
import { registerInspect } from "./commands/inspect.ts";
import { registerLogits } from "./commands/logits.ts";
import { registerModels } from "./commands/models.ts";
import { registerServe } from "./commands/serve.ts";
import { registerTrain } from "./commands/train.ts";
import type { Context, Io } from "./io.ts";
import { newProgram, run } from "./run.ts";

const COMMANDS = [
  registerChat,
  registerGenerate,
  registerServe,
  registerLogits,
  registerEval,
  registerInspect,
  registerModels,
  registerConvert,
  registerTrain,
];

/** Runs the command line and gives its exit code (run.ts). */
export function runBlockffn(args: readonly string[], io: Io): Promise<number> {
  return run(args, io, program);
}

/** The commands of `blockffn`. */
export function program(context: Context): Command {
  const root = newProgram("blockffn", context)
    .description("Runs BlockFFN sparse language models in WebAssembly.")
    .addHelpText(
      "after",
      `
Examples:
  blockffn chat
  blockffn generate "Once upon a time"
  blockffn convert ./my-model --out my-model.q8.safetensors --quantize q8
  blockffn generate "Once upon a time" --model my-model.q8.safetensors
  blockffn serve --model my-model.q8.safetensors
  blockffn <command> --help`,
    );
  for (const register of COMMANDS) register(root, context);
  return root;
}
