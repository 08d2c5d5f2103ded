import { afterAll, describe, expect, it, vi } from "vitest";
import { loadModel as loadInBrowser, loadModelInWorker } from "../../host/browser/index.ts";
import { loadModel as loadInWorker } from "../../host/cloudflare/load.ts";
import { listen, loadModel, nodeHost } from "../../host/node/index.ts";
import { runWasi } from "../../host/wasi/index.ts";
import { UsageError } from "../../src/errors.ts";
import { convertModel, createDetokenizer, createSampler, evaluate, generate, loadModel as loadPortable } from "../../src/index.ts";
import { checkOptions } from "../../src/options.ts";
import { createServer } from "../../src/server/index.ts";
import { train, trainDraft, trainTokenizer } from "../../train/index.ts";
import { TINY_CONFIGS } from "../helpers/tiny-checkpoint.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";
import { tinyEagleFiles, tinyModelFiles } from "../helpers/tiny-packed.ts";

// Its engine is a module of WebAssembly, which only a bundler of Workers takes; nothing here comes so far.
vi.mock("../../host/cloudflare/engine.ts", () => ({ workersEngine: () => Promise.reject(new Error("not asked")) }));

const folder = writeTinyModel(temporaryFolder());
const model = await loadModel(folder);
const tokenizer = model.tokenizer!;
afterAll(() => model.dispose());

/** Every public function that takes options, called with some that are given as they are. */
const CALLS: Readonly<Record<string, (options: never) => unknown>> = {
  "blockffn/node loadModel": (options) => loadModel(folder, options),
  "blockffn/workers loadModel": (options) => loadInWorker({ name: "x", open: () => Promise.reject(new Error("not asked")) }, options),
  "blockffn/browser loadModel": (options) => loadInBrowser("/x", options),
  "blockffn/browser loadModelInWorker": (options) => loadModelInWorker("/x", options),
  "blockffn loadModel": (options) => loadPortable(nodeHost, folder, options),
  "blockffn/wasi runWasi": (options) => runWasi(["--help"], options),
  "model.generate": (options) => model.generate("tom", options).result(),
  "model.evaluate": (options) => model.evaluate("tom had a car", options),
  "model.newSequence": (options) => model.newSequence(options),
  "sequence.forward": (options) => {
    const sequence = model.newSequence();
    try {
      return sequence.forward([1], options);
    } finally {
      sequence.dispose();
    }
  },
  "model.loaded.forwardRows": (entry) => {
    const sequence = model.newSequence();
    try {
      return model.loaded.forwardRows([Object.assign(entry, { sequence, tokens: [1] })]);
    } finally {
      sequence.dispose();
    }
  },
  generate: (options) => generate(model.loaded, tokenizer, "tom", options).result(),
  evaluate: (options) => evaluate(model.loaded, tokenizer, "tom had a car", options),
  createSampler: (options) => createSampler(options),
  "tokenizer.encode": (options) => tokenizer.encode("tom", options),
  "tokenizer.decode": (options) => tokenizer.decode([1], options),
  createDetokenizer: (options) => createDetokenizer(tokenizer, options),
  createServer: (options) => createServer(model, options),
  "createServer's limits": (limits) => createServer(model, { limits }),
  "createServer's speculation": (speculation) => createServer(model, { speculation }),
  listen: (options) => listen(() => Promise.resolve(new Response()), options),
  "listen's limits": (limits) => listen(() => Promise.resolve(new Response()), { hostname: "127.0.0.1", port: 0, limits }),
  "tokenizer.encodeWithin": (options) => tokenizer.encodeWithin("tom", 100, options),
  "convertModel's draft": (draft) =>
    convertModel(
      tinyModelFiles(TINY_CONFIGS.block),
      "q8",
      () => undefined,
      undefined,
      Object.assign(draft, { files: tinyEagleFiles(TINY_CONFIGS.block) }),
    ),
  train: (settings) => train({} as never, settings),
  "train's inputs": (inputs) => train(inputs, {} as never),
  "trainDraft's inputs": (inputs) => trainDraft(inputs, {} as never),
  "trainDraft's options": (options) => trainDraft({ model: folder, texts: [], options, checkpointEvery: 1 }, {} as never),
  "trainDraft's settings": (settings) => trainDraft({ model: folder, texts: [], options: {} as never, checkpointEvery: 1 }, settings),
  trainTokenizer: (options) => trainTokenizer([], options),
};

describe("options that there are not", () => {
  it.each(Object.entries(CALLS))("%s refuses them by name", async (_, call) => {
    const error = await Promise.resolve()
      .then(() => call({ colour_of: "red" } as never))
      .then(
        () => undefined,
        (cause: unknown) => cause,
      );
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({
      field: "colour_of",
      message: expect.stringMatching(/^colour_of: is no option of .*; there are \w+/) as string,
    });
  });

  it.each([
    ["model.generate", "max_tokens", "maxTokens"],
    ["model.generate", "max_new_tokens", "maxTokens"],
    ["model.generate", "maxTokes", "maxTokens"],
    ["model.generate", "top_k", "topK"],
    ["model.generate", "Temperature", "temperature"],
    ["model.generate", "stopp", "stop"],
    ["model.generate", "repetition_penalty", "repetitionPenalty"],
    ["blockffn/node loadModel", "thread", "threads"],
    ["blockffn/node loadModel", "quantise", "quantize"],
    ["blockffn/browser loadModel", "onprogress", "onProgress"],
    ["createServer", "api_key", "apiKey"],
    ["createServer's limits", "max_tokens", "maxTokens"],
    ["tokenizer.encode", "add_bos", "addBos"],
  ])("%s: %s is told to be %s", async (name, given, meant) => {
    await expect(Promise.resolve().then(() => CALLS[name]!({ [given]: 3 } as never))).rejects.toThrow(
      `${given}: is no option of ${name.replace(/^.*[ .](?!limits)/, "")}; did you mean ${meant}?`,
    );
  });

  it("options that are no object are refused, too", async () => {
    for (const [given, shown] of [
      [null, "null"],
      [3, "number"],
      ["fast", "string"],
      [[], "a list"],
    ] as const) {
      await expect(Promise.resolve().then(() => model.generate("tom", given as never).result())).rejects.toThrow(
        `the options of generate must be an object, such as { maxTokens }, not ${shown}`,
      );
      await expect(loadModel(folder, given as never)).rejects.toThrow(UsageError);
    }
  });

  it("names of every object are no options, and a long one is no long work", () => {
    for (const name of ["toString", "constructor", "__proto__", "x".repeat(1_000_000)]) {
      const options = Object.fromEntries([[name, 1]]);
      expect(() => checkOptions(options, { tier: true }, "loadModel")).toThrow(UsageError);
    }
  });
});

describe("messages of a chat where a prompt is needed", () => {
  it.each([[[{ role: "user", content: "hello" }]], [["hello"]], [[["hello"]]], [[1, { role: "user" }]]])(
    "%j is told what to do",
    async (prompt) => {
      await expect(Promise.resolve().then(() => model.generate(prompt as never).result())).rejects.toThrow(
        /^prompt: is a list of messages or texts .*\/v1\/chat\/completions/,
      );
      await expect(Promise.resolve().then(() => model.generate(prompt as never).result())).rejects.toBeInstanceOf(UsageError);
    },
  );
});
