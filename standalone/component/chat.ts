import { chatDefaults } from "../chat/defaults";
import { Conversation } from "../chat/conversation";
import { fail, failed } from "../failure";
import { LoadedModel } from "../model/instance";
import { drop, failureResult, handleResult, RESULT } from "./abi";
import { Answer, answerResult, Chat } from "./answer";
import { noClock, optionsResult, takeOptions } from "./options";

// @ts-ignore: decorator
@external("[export]blockffn:runtime/inference@0.1.0", "[resource-new]chat")
declare function newChat(rep: usize): u32;

export function modelChatOptions(rep: usize): usize {
  const options = chatDefaults(changetype<LoadedModel>(rep));
  return failed() ? failureResult() : optionsResult(options);
}

export function modelChat(
  rep: usize,
  hasSystem: i32,
  system: usize,
  length: u32,
  maxTokens: u32,
  temperature: f64,
  topK: u32,
  topP: f64,
  minP: f64,
  repetitionPenalty: f64,
  seed: u64,
  ignoreEos: i32,
  stops: usize,
  stopCount: u32,
  speculation: i32,
): usize {
  const options = takeOptions(maxTokens, temperature, topK, topP, minP, repetitionPenalty, seed, ignoreEos, stops, stopCount, speculation);
  const model = changetype<LoadedModel>(rep);
  const conversation = new Conversation(model, options, noClock);
  if (hasSystem !== 0) {
    if (!failed()) conversation.system(system, length);
    drop(system, length);
  }
  if (failed()) {
    conversation.free();
    return failureResult();
  }
  model.users++;
  return handleResult(newChat(__pin(changetype<usize>(new Chat(conversation)))));
}

export function chatAsk(rep: usize, message: usize, length: u32): usize {
  const chat = changetype<Chat>(rep);
  chat.conversation.ask(message, length);
  drop(message, length);
  if (failed()) return failureResult();
  chat.take();
  return answerResult(new Answer(chat.conversation.current!, chat));
}

export function chatReset(rep: usize): usize {
  const conversation = changetype<Chat>(rep).conversation;
  if (conversation.answering) fail("an answer of this chat is under way; wait for its end, or drop it", "chat");
  else conversation.reset();
  if (failed()) return failureResult();
  store<u8>(RESULT, 0);
  return RESULT;
}

export function chatReused(rep: usize): usize {
  const conversation = changetype<Chat>(rep).conversation;
  store<i32>(RESULT, conversation.cachedTokens);
  store<i32>(RESULT + 4, conversation.dropped);
  return RESULT;
}

export function chatDrop(rep: usize): void {
  changetype<Chat>(rep).drop();
  __unpin(rep);
  __collect();
}
