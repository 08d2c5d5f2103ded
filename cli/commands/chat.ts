import { Option, type Command } from "commander";
import type { ChatResult } from "../../src/chat/answer.ts";
import { createChat } from "../../src/chat/chat.ts";
import { checkChatOptions, OVERFLOWS, type ChatOptions, type Overflow } from "../../src/chat/options.ts";
import { UsageError } from "../../src/errors.ts";
import type { Model } from "../../src/model.ts";
import { Conversation } from "../chat/conversation.ts";
import { describeDecisions } from "../decisions.ts";
import type { Context } from "../io.ts";
import { checkDraft, defaultModel, openDraft, openModel, readPaths, type ModelOptions, type SpeculationOptions } from "../model.ts";
import {
  addOptions,
  CONVERSATION_MODEL,
  ffnOption,
  modelOption,
  quantizeOption,
  speculationOptions,
  threadsOption,
  tierOption,
} from "../options.ts";
import { pickSampling, samplingOptions, type SamplingDefaults, type SamplingOptions } from "../sampling.ts";
import { streamText } from "../stream.ts";
import { summary } from "../summary.ts";

interface Options extends ModelOptions, SpeculationOptions, SamplingOptions {
  readonly system?: string;
  readonly overflow?: Overflow;
  readonly verbose?: boolean;
}

/** What is taken where nobody says, as the help has it. */
const DEFAULTS: SamplingDefaults = {
  maxTokens: "the model's, else 1024",
  context: "the model's",
  temperature: "the model's, else 0",
  topK: "the model's, else all",
  topP: "the model's, else 1, all",
  minP: "the model's, else 0",
  repetitionPenalty: "the model's, else 1.1",
};

export function registerChat(program: Command, context: Context): void {
  const command = program
    .command("chat")
    .description("Talk with a model. Answers go to stdout as they come; through a pipe each line is a message.")
    .argument("[question]", "answer this one question and end")
    .addOption(modelOption(CONVERSATION_MODEL))
    .option("--system <text>", "system text (default: what the model's template has)")
    .addOption(
      new Option(
        "--overflow <what>",
        "when the conversation outgrows the context: drop the oldest turns, or refuse (default: drop, for one question refuse)",
      ).choices(OVERFLOWS),
    );
  addOptions(command, [...samplingOptions(DEFAULTS), ...speculationOptions()])
    .option("--verbose", "tell after each answer what it took, and what speculation decided")
    .addOption(ffnOption())
    .addOption(tierOption())
    .addOption(threadsOption())
    .addOption(quantizeOption())
    .addOption(new Option("--json", "print one JSON object an answer"))
    .addHelpText(
      "after",
      `
Examples:
  blockffn chat
  blockffn chat "What is the capital of France?"
  blockffn chat --system "You answer in one sentence." --temperature 0
  echo "What is the capital of France?" | blockffn chat --json
In the conversation /help lists the commands: /reset, /system, /save, /load, /stats, /exit.`,
    )
    .action((question: string | undefined, options: Options) => chatCommand(context, question, options));
}

async function chatCommand(context: Context, question: string | undefined, options: Options): Promise<void> {
  const { io, signal } = context;
  const { system, overflow } = options;
  const chatOptions: ChatOptions = { ...pickSampling(options), ...(overflow === undefined ? {} : { overflow }) };
  // Wrong options are told before a model is loaded.
  checkChatOptions(chatOptions, "chat");
  checkDraft(options);
  if (question?.trim() === "") throw new UsageError('no question; try: blockffn chat "What is the capital of France?"');
  const model = await openModel(context, options, "model", "conversation");
  let draft: Model | undefined;
  try {
    draft = await openDraft(context, options);
    const all: ChatOptions = draft === undefined ? chatOptions : { ...chatOptions, draftModel: draft };
    const { name, quantization, tier, threads } = model.loaded;
    const json = options.json === true ? (result: ChatResult) => ({ ...result, model: name, quantization, tier, threads }) : undefined;
    const told = (result: ChatResult): void => {
      io.err(`${summary(result, result.usage.cachedTokens)}\n`);
      if (options.verbose === true && result.decisions !== null) io.err(describeDecisions(result.decisions));
    };
    if (question !== undefined) {
      const messages = [...(system === undefined ? [] : [{ role: "system", content: system }]), { role: "user", content: question }];
      const answer = model.chat(messages, { ...all, signal });
      if (json === undefined) await streamText(io, answer);
      const result = await answer.result();
      if (json === undefined) told(result);
      else await io.out(`${JSON.stringify(json(result))}\n`);
      return;
    }
    const chat = createChat(model, { ...all, ...(system === undefined ? {} : { system }) });
    if (io.stdinIsTty) io.err(`${name}: /help lists commands, Ctrl-C stops an answer\n`);
    const reads = await readPaths(context, [options.model ?? (await defaultModel(context, "conversation")), options.draftModel]);
    const limit = chatOptions.context ?? model.config.contextLength;
    await new Conversation(context, chat, { json, told: options.verbose === true ? told : undefined, reads, context: limit }).run();
    chat.dispose();
  } finally {
    draft?.dispose();
    model.dispose();
  }
}
