// The command's conversation: one question, or each line of stdin.

import { Bytes, isText } from "../bytes";
import { chatDefaults } from "../chat/defaults";
import { Conversation } from "../chat/conversation";
import { fail } from "../failure";
import { InputLines, now, print, randomSeed, STDERR, STDOUT, write } from "./io";
import { EXIT_FAILED, EXIT_USAGE, loadModel, stopIfFailed } from "./load";
import { CommandLine } from "./options";
import { jsonReport, summary } from "./report";

/** More is no message: it would not fit any context. */
const MAX_MESSAGE_BYTES: u32 = 16 << 20;

/** All that a conversation is held with. */
class Talk {
  input: InputLines = new InputLines();

  constructor(
    public conversation: Conversation,
    public line: CommandLine,
  ) {}
}

/** Kept here, so that garbage can be collected between two messages. */
let talk: Talk | null = null;

/** Answers the question, or talks until stdin ends. @param given the arguments, which `asked` is made of */
export function chat(asked: CommandLine, given: string[]): void {
  const model = loadModel(asked.model);
  // Read again, over the model's own defaults.
  const line = new CommandLine(chatDefaults(model));
  stopIfFailed(EXIT_FAILED);
  line.read(given);
  stopIfFailed(EXIT_USAGE);
  if (!line.hasSeed) line.generate.seed = randomSeed();
  const conversation = new Conversation(model, line.generate, now);
  stopIfFailed(EXIT_FAILED);
  talk = new Talk(conversation, line);
  const text = new Bytes();
  if (line.hasSystem) {
    text.appendText(line.system);
    conversation.system(text.at, text.length);
    stopIfFailed(EXIT_FAILED);
  }
  if (!line.hasQuestion) {
    while (answerLine(talk!)) __collect();
    return stopIfFailed(EXIT_FAILED);
  }
  text.clear();
  text.appendText(line.question);
  say(talk!, text.at, text.length);
  if (!line.json) print(STDERR, summary(conversation.current!));
}

/** Takes the next line of stdin; false at its end, and after /exit. */
function answerLine(talk: Talk): bool {
  const conversation = talk.conversation;
  const message = talk.input.line;
  if (!talk.input.next(MAX_MESSAGE_BYTES)) return false;
  if (isBlank(message)) return true;
  const slash = load<u8>(message.at) === 0x2f;
  const escaped = slash && message.length > 1 && load<u8>(message.at + 1) === 0x2f;
  if (slash && !escaped) {
    const goesOn = runCommand(conversation, message);
    stopIfFailed(EXIT_FAILED);
    return goesOn;
  }
  say(talk, message.at + (escaped ? 1 : 0), message.length - (escaped ? 1 : 0));
  if (conversation.dropped > 0) {
    const count = conversation.dropped;
    print(STDERR, `(the conversation outgrew the context: its ${count} oldest turns are not read any more)\n`);
  }
  return true;
}

/** @returns whether the conversation goes on */
function runCommand(conversation: Conversation, message: Bytes): bool {
  const at = message.at;
  const length = message.length;
  if (isText(at, length, "/exit")) return false;
  if (isText(at, length, "/reset")) conversation.reset();
  else if (length > 8 && isText(at, 8, "/system ")) conversation.system(at + 8, length - 8);
  else fail("there is no such command: /reset, /system TEXT and /exit are, and //TEXT says /TEXT", message.toString().slice(0, 40));
  return true;
}

function say(talk: Talk, at: usize, length: u32): void {
  const conversation = talk.conversation;
  const json = talk.line.json;
  conversation.ask(at, length);
  let last: u8 = 0;
  while (conversation.next()) {
    const piece = conversation.current!.piece;
    if (piece.length === 0) continue;
    if (!json) write(STDOUT, piece.at, piece.length);
    last = load<u8>(piece.at + piece.length - 1);
  }
  stopIfFailed(EXIT_FAILED);
  conversation.end();
  if (json) {
    const report = jsonReport(conversation.current!, conversation.answer, talk.line, conversation.model, conversation);
    write(STDOUT, report.at, report.length);
    report.free();
  } else if (last !== 0x0a) print(STDOUT, "\n");
}

function isBlank(text: Bytes): bool {
  for (let i: u32 = 0; i < text.length; i++) {
    const c = load<u8>(text.at + i);
    if (c !== 0x20 && (c < 9 || c > 13)) return false;
  }
  return true;
}
