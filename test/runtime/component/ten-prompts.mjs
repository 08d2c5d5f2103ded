// Runs the transpiled component on Node and Deno: MODEL WANTED, where WANTED is the prompts as JSON. Prints what came out as JSON.
import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { argv } from "node:process";
import { instantiate } from "../../../dist/wasi/component/runtime.js";

const [model, wanted] = argv.slice(2);
const folder = new URL("../../../dist/wasi/component/", import.meta.url);

/** The host's side of `files`: a failure's text is thrown. */
const files = {
  size(path) {
    try {
      return BigInt(statSync(path).size);
    } catch {
      throw "there is no such file";
    }
  },
  read(path, offset, length) {
    const fd = openSync(path, "r");
    const bytes = new Uint8Array(length);
    const count = readSync(fd, bytes, 0, length, Number(offset));
    closeSync(fd);
    return bytes.subarray(0, count);
  },
};

const root = await instantiate((path) => WebAssembly.compile(readFileSync(new URL(path, folder))), { "blockffn:runtime/files": files });
const { Model } = root.inference;
const DEFAULTS = {
  maxTokens: 48,
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  seed: 0n,
  ignoreEos: false,
  stop: [],
  speculation: "off",
};

function generate(loaded, prompt, options = {}) {
  const generation = loaded.generate(loaded.encode(prompt), { ...DEFAULTS, ...options });
  const tokens = [];
  let text = "";
  for (let piece = generation.next(); piece !== undefined; piece = generation.next()) {
    tokens.push(piece.id);
    text += piece.text;
  }
  const statistics = generation.statistics();
  generation[Symbol.dispose]?.();
  return { tokens, text, statistics };
}

const message = (run) => {
  try {
    run();
    return "";
  } catch (error) {
    return String(error.payload ?? error);
  }
};

const { prompts, maxTokens, loads, stops } = JSON.parse(wanted);
const fromPath = Model.open(model);
const fromBytes = Model.load("bytes", readFileSync(model));
/** Loads the model again and again: what is dropped must be used again, as all of them do not fit into 4 GiB. */
function loadAgain() {
  let generation;
  for (let i = 0; i < loads; i++) {
    const again = Model.open(model);
    generation?.[Symbol.dispose]();
    generation = again.generate(new Uint32Array([1]), DEFAULTS);
    again[Symbol.dispose]();
  }
  return generation?.next()?.id;
}
console.log(
  JSON.stringify({
    again: loadAgain(),
    greedy: prompts.map((prompt) => generate(fromPath, prompt, { maxTokens })),
    drafted: prompts.map((prompt) => generate(fromBytes, prompt, { maxTokens, speculation: "ngram" })),
    stopped: stops.map((stop) => generate(fromPath, prompts[0], { maxTokens, stop })),
    sampled: generate(fromPath, "A big dog", { temperature: 0.9, topP: 0.95, seed: 11n }).tokens,
    errors: [
      message(() => Model.open("nothing")),
      message(() => Model.load("four bytes", new Uint8Array(4))),
      message(() => fromPath.generate(new Uint32Array([1, 99999]), DEFAULTS)),
      message(() => fromPath.generate(new Uint32Array([1]), { ...DEFAULTS, topP: 2 })),
      message(() => fromPath.generate(new Uint32Array([1]), { ...DEFAULTS, stop: [""] })),
      message(() => fromPath.generate(new Uint32Array([1]), { ...DEFAULTS, stop: new Array(1000).fill("x") })),
    ],
  }),
);
