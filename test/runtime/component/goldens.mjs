// Runs the transpiled component on Node and Deno: MODEL WANTED, where WANTED is prompts and questions as JSON. Prints what came out as JSON.
import { readFileSync } from "node:fs";
import { argv } from "node:process";
import { instantiate } from "../../../dist/wasi/component/runtime.js";

const [path, wanted] = argv.slice(2);
const { maxTokens, prompts, questions } = JSON.parse(wanted);
const folder = new URL("../../../dist/wasi/component/", import.meta.url);
const noFiles = {
  size: () => {
    throw "not given";
  },
  read: () => {
    throw "not given";
  },
};
const root = await instantiate((name) => WebAssembly.compile(readFileSync(new URL(name, folder))), { "blockffn:runtime/files": noFiles });
const model = root.inference.Model.load("chat", readFileSync(path));
const defaults = model.chatOptions();
const greedy = { ...defaults, maxTokens, temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };

function read(generation, most = Infinity) {
  const tokens = [];
  let text = "";
  while (tokens.length < most) {
    const piece = generation.next();
    if (piece === undefined) break;
    tokens.push(piece.id);
    text += piece.text;
  }
  const { promptTokens, finish = null, stopText = null } = generation.statistics();
  generation[Symbol.dispose]();
  return { tokens, text, promptTokens, finish, stopText };
}

const message = (run) => {
  try {
    run();
    return "";
  } catch (error) {
    return String(error.payload ?? error);
  }
};

const texts = prompts.map((prompt) => {
  const ids = model.encode(prompt);
  const { tokens, text } = read(model.generate(ids, greedy));
  return { ids: [...ids], tokens, text };
});
const answers = questions.map(({ system, question }, i) => {
  const chat = model.chat(i === 0 ? system : undefined, greedy);
  const answer = read(chat.ask(question));
  chat[Symbol.dispose]();
  return answer;
});

// A conversation: two turns, an answer that is left early, and one that ends before a text.
const short = { ...greedy, maxTokens: 12 };
const chat = model.chat("Be brief.", short);
const talk = questions.slice(0, 2).map(({ question }) => ({ ...read(chat.ask(question)), reused: [...chat.reused()] }));
const early = chat.ask("Go on.");
const errors = [message(() => chat.ask("And?")), message(() => chat.reset()), message(() => model.chat("", short))];
const left = read(early, 3);
talk.push({ ...left, reused: [...chat.reused()] });
talk.push({ ...read(chat.ask("Once more.")), reused: [...chat.reused()] });
errors.push(message(() => chat.ask("")));
chat.reset();
talk.push({ ...read(chat.ask(questions[0].question)), reused: [...chat.reused()] });
// An answer outlives the handle of its chat.
const last = model.chat(undefined, { ...short, stop: ["capital"] });
const stopped = last.ask(questions[0].question);
last[Symbol.dispose]();
const stop = read(stopped);
console.log(JSON.stringify({ texts, answers, talk, errors, stop, defaults: { ...defaults, seed: Number(defaults.seed) } }));
