import { Bytes } from "../bytes";
import { Conversation } from "../chat/conversation";
import { Decisions } from "../decode/decisions";
import { SPECULATE_OFF } from "../decode/options";
import { FINISH_EOS, FINISH_NAMES, Generation } from "../decode/generation";
import { appendJsonString } from "../format/json-text";
import { LoadedModel } from "../model/instance";
import { CommandLine } from "./options";

/** One JSON object with the fields of `blockffn generate --json`. @param chat the conversation that it is an answer of; null for none */
export function jsonReport(generation: Generation, text: Bytes, line: CommandLine, model: LoadedModel, chat: Conversation | null): Bytes {
  const out = new Bytes();
  out.appendText('{"text":');
  appendJsonString(out, text.at, text.length);
  out.appendText(',"tokens":[');
  for (let i = 0; i < generation.produced; i++) out.appendText((i > 0 ? "," : "") + generation.token(i).toString());
  out.appendText("]");
  field(out, "promptTokens", generation.promptLength.toString());
  field(out, "finishReason", '"' + FINISH_NAMES[generation.finish] + '"');
  field(out, "eosTokenId", generation.finish === FINISH_EOS ? generation.id.toString() : "null");
  out.appendText(',"stopText":');
  const stop = generation.stopText;
  if (stop === null) out.appendText("null");
  else appendText(out, stop);
  field(out, "seed", line.generate.seed.toString());
  field(out, "prefillMs", number(generation.prefillMs));
  field(out, "decodeMs", number(generation.decodeMs));
  field(out, "prefillTokensPerSecond", number(perSecond(generation.computed, generation.prefillMs)));
  field(out, "decodeTokensPerSecond", number(perSecond(generation.produced - 1, generation.decodeMs)));
  field(out, "tls", number(generation.counts.tokenSparsity));
  const on = line.generate.speculate !== SPECULATE_OFF;
  const rounds = <f64>generation.rounds;
  field(out, "rounds", on ? generation.rounds.toString() : "null");
  field(out, "acceptLength", on && rounds > 0 ? number(<f64>(generation.accepted + generation.rounds) / rounds) : "null");
  field(out, "draftedTokens", on ? generation.drafted.toString() : "null");
  field(out, "acceptedTokens", on ? generation.accepted.toString() : "null");
  field(out, "expertsPerChunk", number(generation.expertsPerChunk));
  out.appendText(',"decisions":');
  if (on) appendDecisions(out, generation.decisions, model.config.expertLayers);
  else out.appendText("null");
  out.appendText(',"model":');
  appendText(out, line.model);
  field(out, "quantization", '"' + model.packed.quantization + '"');
  field(out, "tier", '"simd"');
  if (chat !== null) appendChat(out, generation, text, chat);
  out.appendText("}\n");
  return out;
}

/** What an answer of a conversation has beside: as `blockffn chat --json`. */
function appendChat(out: Bytes, generation: Generation, text: Bytes, chat: Conversation): void {
  out.appendText(',"message":{"role":"assistant","content":');
  appendJsonString(out, text.at, text.length);
  const prompt = generation.promptLength;
  out.appendText(`},"usage":{"promptTokens":${prompt},"completionTokens":${generation.produced}`);
  out.appendText(`,"totalTokens":${prompt + generation.produced},"cachedTokens":${chat.cachedTokens}},"dropped":${chat.dropped}`);
}

function appendText(out: Bytes, text: string): void {
  const utf8 = String.UTF8.encode(text);
  appendJsonString(out, changetype<usize>(utf8), utf8.byteLength);
}

/** As `decisions` of `blockffn generate --json`. @param layers 0 for models without experts */
function appendDecisions(out: Bytes, d: Decisions, layers: i32): void {
  const rounds = d.draftRounds;
  out.appendText('{"rounds":{');
  if (d.asked[1] > 0) out.appendText(`"off":{"1":${d.asked[1]}}` + (rounds > 0 ? "," : ""));
  if (rounds > 0) {
    out.appendText('"ngram":{');
    let first = true;
    for (let nodes = 2; nodes < d.asked.length; nodes++) {
      if (d.asked[nodes] === 0) continue;
      out.appendText(`${first ? "" : ","}"${nodes}":${d.asked[nodes]}`);
      first = false;
    }
    out.appendText("}");
  }
  out.appendText('},"chunkMs":');
  appendBySize(out, d, false, 1);
  const guesses = d.accepted + d.refused;
  out.appendText(',"draftMs":{' + (rounds > 0 ? '"ngram":' + number(d.draftMs / rounds) : ""));
  out.appendText('},"acceptance":{' + (guesses > 0 ? '"ngram":' + number(<f64>d.accepted / guesses) : ""));
  out.appendText('},"expertsPerChunk":');
  if (layers > 0) appendBySize(out, d, true, layers);
  else out.appendText("null");
  out.appendText("}");
}

/** Means over the chunks of each number of rows: experts of a layer, or milliseconds. */
function appendBySize(out: Bytes, d: Decisions, experts: bool, layers: i32): void {
  let first = true;
  out.appendText("{");
  for (let rows = 1; rows < d.chunks.length; rows++) {
    const count = <f64>d.chunks[rows];
    if (count === 0) continue;
    out.appendText(
      `${first ? "" : ","}"${rows}":` + number(experts ? <f64>d.experts[rows] / count / <f64>layers : d.chunkMs[rows] / count),
    );
    first = false;
  }
  out.appendText("}");
}

/** A line for people. */
export function summary(generation: Generation): string {
  let text = `[prompt ${generation.promptLength} tokens at ${short(perSecond(generation.computed, generation.prefillMs))}/s; `;
  text += `${generation.produced} new at ${short(perSecond(generation.produced - 1, generation.decodeMs))}/s`;
  if (generation.rounds > 0) {
    text += `; ${generation.accepted} of ${generation.drafted} drafted tokens accepted in ${generation.rounds} rounds`;
  }
  const tls = generation.counts.tokenSparsity;
  if (!isNaN(tls)) text += `; ${short(100 * tls)} % of experts skipped`;
  const by = generation.finish === FINISH_EOS ? ` (token ${generation.id})` : "";
  return text + `; ended by ${FINISH_NAMES[generation.finish]}${by}]\n`;
}

function field(out: Bytes, name: string, value: string): void {
  out.appendText(',"' + name + '":' + value);
}

function number(value: f64): string {
  return isFinite(value) ? value.toString() : "null";
}

function perSecond(count: i32, ms: f64): f64 {
  return count > 0 && ms > 0 ? (<f64>count * 1000) / ms : 0;
}

/** With one decimal place. */
function short(value: f64): string {
  const tenths = <i64>Math.round(value * 10);
  return (tenths / 10).toString() + "." + (tenths % 10).toString();
}
