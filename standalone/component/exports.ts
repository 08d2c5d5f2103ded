// The exports of the component `blockffn:runtime` (wit/runtime.wit). scripts/build-component.mjs gives them their full names.

import { Bytes } from "../bytes";
import { FINISH_EOS, FINISH_NONE, Generation } from "../decode/generation";
import { fail, failed, failuresAbout } from "../failure";
import { LoadedModel } from "../model/instance";
import { Source } from "../source";
import { drop, failureResult, handleResult, listResult, putOption, putText, RESULT, takeString } from "./abi";
import { Answer, answerResult } from "./answer";
import { noClock, takeOptions } from "./options";
import { HostSource, MemorySource } from "./sources";

export { realloc } from "./abi";
export { chatAsk, chatDrop, chatReset, chatReused, modelChat, modelChatOptions } from "./chat";

// @ts-ignore: decorator
@external("[export]blockffn:runtime/inference@0.1.0", "[resource-new]model")
declare function newModel(rep: usize): u32;
/** Ids that `encode` gave last. */
const encoded = new Bytes();
/** The stop text that `statistics` gave last. */
const stopText = new Bytes();

export function modelLoad(name: usize, nameLength: u32, bytes: usize, length: u32): usize {
  const source = new MemorySource(takeString(name, nameLength), bytes, length);
  const result = finishLoading(source);
  drop(bytes, length);
  return result;
}

export function modelOpen(path: usize, pathLength: u32): usize {
  const name = takeString(path, pathLength);
  failuresAbout(name);
  return finishLoading(HostSource.open(name));
}

function finishLoading(source: Source | null): usize {
  const model = new LoadedModel();
  if (source !== null) {
    failuresAbout(source.name);
    model.load(source);
  }
  failuresAbout("");
  if (failed()) {
    model.free();
    return failureResult();
  }
  return handleResult(newModel(__pin(changetype<usize>(model))));
}

export function modelEncode(rep: usize, text: usize, length: u32): usize {
  const tokenizer = changetype<LoadedModel>(rep).tokenizer;
  encoded.clear();
  if (tokenizer === null) fail("this model has no tokenizer.json: give token ids", "text");
  else tokenizer.encode(text, length, encoded);
  drop(text, length);
  return failed() ? failureResult() : listResult(encoded);
}

export function modelGenerate(
  rep: usize,
  prompt: usize,
  count: u32,
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
  const ids = new Bytes();
  ids.append(prompt, count << 2);
  drop(prompt, count);
  const generation = new Generation(changetype<LoadedModel>(rep), options, noClock);
  generation.begin(ids);
  ids.free();
  if (failed()) {
    generation.free();
    return failureResult();
  }
  generation.model.users++;
  return answerResult(new Answer(generation, null));
}

export function generationNext(rep: usize): usize {
  const answer = changetype<Answer>(rep);
  const generation = answer.generation;
  const more = answer.next();
  if (failed()) return failureResult();
  store<u8>(RESULT, 0);
  store<u8>(RESULT + 4, more ? 1 : 0);
  store<u32>(RESULT + 8, <u32>generation.piece.at);
  store<u32>(RESULT + 12, generation.piece.length);
  store<i32>(RESULT + 16, generation.id);
  return RESULT;
}

export function generationStatistics(rep: usize): usize {
  const generation = changetype<Answer>(rep).generation;
  store<i32>(RESULT, generation.promptLength);
  store<i32>(RESULT + 4, generation.produced);
  store<u8>(RESULT + 8, generation.finish === FINISH_NONE ? 0 : 1);
  store<u8>(RESULT + 9, <u8>(generation.finish - 1));
  store<u8>(RESULT + 12, generation.finish === FINISH_EOS ? 1 : 0);
  store<i32>(RESULT + 16, generation.id);
  putText(RESULT + 20, generation.stopText, stopText);
  putOption(RESULT + 32, generation.counts.tokenSparsity);
  store<i32>(RESULT + 48, generation.rounds);
  store<i32>(RESULT + 52, generation.drafted);
  store<i32>(RESULT + 56, generation.accepted);
  putOption(RESULT + 64, generation.expertsPerChunk);
  return RESULT;
}

/** A model that generations still use goes with the last of them. */
export function modelDrop(rep: usize): void {
  const model = changetype<LoadedModel>(rep);
  model.dropped = true;
  if (model.users === 0) model.free();
  __unpin(rep);
  __collect();
}

export function generationDrop(rep: usize): void {
  changetype<Answer>(rep).drop();
  __unpin(rep);
  __collect();
}
