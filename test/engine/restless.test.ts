import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_MODEL } from "../../host/node/package.ts";
import { createChat } from "../../src/chat/chat.ts";
import { evaluate } from "../../src/decode/evaluate.ts";
import { generate } from "../../src/decode/generate.ts";
import type { GenerationResult, Piece } from "../../src/decode/generation.ts";
import type { GenerateOptions, Speculate } from "../../src/decode/options.ts";
import { traceExperts } from "../../src/decode/trace.ts";
import type { ModelInstance } from "../../src/engine/instance.ts";
import type { ForwardResult } from "../../src/engine/types.ts";
import type { ByteSource, ModelFiles } from "../../src/format/source.ts";
import { Taps } from "../../src/engine/taps.ts";
import { UsageError } from "../../src/errors.ts";
import { loadEagle } from "../../src/load/eagle.ts";
import { loadModel } from "../../src/load/load.ts";
import { Model } from "../../src/model.ts";
import { createServer } from "../../src/server/index.ts";
import { HiddenStates } from "../../train/draft/states.ts";
import { blockffn } from "../helpers/fake-io.ts";
import { memoryBytes, memoryHost, restlessModel } from "../helpers/restless.ts";
import { events } from "../helpers/server.ts";
import { root, testHost } from "../helpers/test-host.ts";
import { TINY_CONFIGS } from "../helpers/tiny-checkpoint.ts";
import { tinyModelFiles } from "../helpers/tiny-packed.ts";

// Whatever runs on memory that moves at every call that may move it gives what it gives on memory that stays: on one thread, a view that
// outlives such a call is detached and throws, or reads undefined; on two, memory is longer than what was seen of it before.
const STORY =
  "Once upon a time there was a little girl named Lily. She loved to play outside in the sun. " +
  "One day, she found a shiny red ball in the park and ran home to show it to her mom.";
const LENGTHS = [1, 2, 63, 64, 65, 66, 130, 300];
const TOKENS = 12;

interface Said {
  readonly pieces: readonly Piece[];
  readonly result: Partial<GenerationResult>;
}

/** All that a generation says. */
async function said(model: ModelInstance, prompt: ArrayLike<number>, options: GenerateOptions): Promise<Said> {
  const pieces: Piece[] = [];
  const generation = generate(model, undefined, prompt, { maxTokens: TOKENS, ignoreEos: true, ...options });
  for await (const piece of generation) pieces.push(piece);
  const { tokens, finishReason, tls } = await generation.result();
  return { pieces, result: { tokens, finishReason, tls } };
}

describe.each([1, 2])("memory that moves, %i threads", (threads) => {
  let still: ModelInstance;
  let model: ModelInstance;
  let draft: ModelInstance;
  let prompt: Uint32Array;
  beforeAll(async () => {
    still = await loadModel(testHost, DEFAULT_MODEL, { tier: "simd" });
    [model, draft] = await Promise.all([restlessModel(threads), restlessModel(threads)]);
    prompt = new Model(still).tokenizer!.encode(STORY.repeat(8));
  });
  afterAll(() => [still, model, draft].forEach((each) => each.dispose()));

  it("moves with every sequence", () => {
    const before = model.engine.memory.buffer;
    const view = model.engine.f32(model.addresses.weights, 4);
    for (let i = 0; i < 3; i++) model.newSequence({ capacity: 8 }).dispose();
    expect(memoryBytes(model) - (threads === 1 ? 0 : before.byteLength)).toBeGreaterThanOrEqual(3 * 65536);
    expect(view.length).toBe(threads === 1 ? 0 : 4);
    expect(model.engine.memory.buffer === before).toBe(false);
  });

  it.each(["off", "ngram", "eagle", "model", "itself", "auto"] as const)("generates, drafts by %s", async (who) => {
    const drafter = { model: draft, itself: model }[who as string];
    const options: GenerateOptions = drafter === undefined ? { speculate: who as "off" } : { speculate: "model", draftModel: drafter };
    for (const length of LENGTHS) {
      const ids = prompt.subarray(0, length);
      for (const drawn of [{}, { temperature: 0.9, topK: 40, seed: length }]) {
        const expected = await said(still, ids, { ...drawn, experts: true, speculate: "off" });
        const moved = await said(model, ids, { ...drawn, ...options, experts: true });
        expect(moved, `${length} tokens, ${JSON.stringify(drawn)}`).toEqual(expected);
      }
    }
  });

  it("generates with log-probabilities", async () => {
    for (const length of [1, 65, 130]) {
      const ids = prompt.subarray(0, length);
      expect(await said(model, ids, { logprobs: 5 })).toEqual(await said(still, ids, { logprobs: 5 }));
    }
  });

  it("generates several at once, with drafts of every kind", async () => {
    const ways: GenerateOptions[] = [
      { speculate: "eagle" },
      { speculate: "model", draftModel: draft },
      { speculate: "model", draftModel: model },
      { speculate: "auto", draftModel: model },
      { speculate: "ngram" },
      { logprobs: 2 },
    ];
    const all = (on: ModelInstance, each: readonly GenerateOptions[]): Promise<Said[]> =>
      Promise.all(each.map((way, i) => said(on, prompt.subarray(0, 60 + 5 * i), way)));
    const plain = ways.map((way): GenerateOptions => (way.logprobs === undefined ? { speculate: "off" } : way));
    expect(await all(model, ways)).toEqual(await all(still, plain));
  });

  it("chats, while caches grow from turn to turn", async () => {
    const conversation = async (on: ModelInstance, speculate: Speculate): Promise<object[]> => {
      const chat = createChat(new Model(on), {
        speculate,
        maxTokens: TOKENS,
        ignoreEos: true,
        ...(speculate === "model" ? { draftModel: draft } : {}),
      });
      const answers: object[] = [];
      for (const content of [STORY.slice(0, 40), "Then", STORY.repeat(2), "Then"]) {
        const { tokens, usage } = await chat.send(content).result();
        answers.push({ tokens, usage });
      }
      chat.dispose();
      return answers;
    };
    const expected = await conversation(still, "off");
    for (const speculate of ["off", "ngram", "eagle", "model", "auto"] as const) {
      expect(await conversation(model, speculate), speculate).toEqual(expected);
    }
  });

  it("evaluates, traces experts and gives hidden states", async () => {
    const { tokenizer } = new Model(still);
    const text = `${STORY}<|endoftext|>${STORY.repeat(3)}`;
    expect(await evaluate(model, tokenizer, text)).toEqual(await evaluate(still, tokenizer, text));
    expect(await traceExperts(model, prompt.subarray(0, 100))).toEqual(await traceExperts(still, prompt.subarray(0, 100)));
    const rows = {
      ids: Int32Array.from(prompt.subarray(0, 160)),
      segments: Int32Array.from({ length: 160 }, (_, i) => i >> 6),
      targets: new Int32Array(160),
      weights: new Float32Array(160),
      follows: new Float32Array(160),
    };
    const states = [model, still].map((each) => {
      const hidden = new HiddenStates(each, 80);
      const out = hidden.of(rows, 80);
      hidden.dispose();
      return out;
    });
    expect(states[0]).toEqual(states[1]);
  });

  it("a result can be read after memory moved, is a copy, and ends with the next forward call", () => {
    const [a, b] = [model.newSequence({ capacity: 100 }), still.newSequence({ capacity: 100 })];
    const [moved, stayed] = [a, b].map((sequence) => sequence.forward(prompt.subarray(0, 30), { logits: "all" })) as [
      ForwardResult,
      ForwardResult,
    ];
    const kept = { logits: moved.logits(3), hidden: moved.hidden(7), active: moved.activeExperts };
    const other = model.newSequence({ capacity: 200 });
    expect(moved.logits(29)).toEqual(stayed.logits(29));
    expect(moved.argmax(29)).toBe(stayed.argmax(29));
    expect(moved.hidden(29)).toEqual(stayed.hidden(29));
    other.forward([5, 6, 7]);
    expect(kept).toEqual({ logits: stayed.logits(3), hidden: stayed.hidden(7), active: stayed.activeExperts });
    const reads = [
      () => moved.logits(3),
      () => moved.withLogits(3, () => 0),
      () => moved.argmax(3),
      () => moved.hidden(7),
      () => moved.activeExperts,
    ];
    for (const read of reads) expect(read).toThrow(UsageError);
    [a, b, other].forEach((sequence) => sequence.dispose());
  });

  it("taps copy, and give their memory back", () => {
    const before = model.arena.used;
    const taps = new Taps(model, 4);
    const sequence = model.newSequence({ capacity: 8 });
    sequence.forward(prompt.subarray(0, 4));
    const inputs = taps.read("ffn_input", 1);
    model.newSequence({ capacity: 8 }).dispose();
    expect(inputs.some((value) => value !== 0)).toBe(true);
    sequence.dispose();
    taps.off();
    taps.off();
    expect(model.arena.used).toBe(before);
  });

  it("serves, whole and as streams", async () => {
    const server = createServer(new Model(model), { speculation: { speculate: "eagle" } });
    const calm = createServer(new Model(still), { speculation: { speculate: "off" } });
    const headers = { "content-type": "application/json" };
    const post = (to: typeof server, path: string, body: object): Promise<Response> =>
      to.fetch(new Request(`http://test/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body) }));
    const streamed = async (to: typeof server, path: string, body: object): Promise<unknown[]> =>
      (await events<{ choices: unknown }>(await post(to, path, { ...body, stream: true }))).map((event) =>
        event === "[DONE]" ? event : event.choices,
      );
    const bodies: [string, object][] = [
      ["completions", { prompt: STORY.repeat(3), max_tokens: TOKENS, temperature: 0 }],
      ["completions", { prompt: STORY, max_tokens: TOKENS, temperature: 0.8, seed: 3, logprobs: 2 }],
      ["chat/completions", { messages: [{ role: "user", content: STORY.repeat(2) }], max_tokens: TOKENS, temperature: 0 }],
    ];
    const choices = async (response: Response): Promise<unknown> => ((await response.json()) as { choices: unknown }).choices;
    for (const [path, body] of bodies) {
      const expected = await choices(await post(calm, path, body));
      expect(await Promise.all([1, 2, 3].map(() => post(server, path, body).then(choices)))).toEqual([expected, expected, expected]);
      expect(await streamed(server, path, body)).toEqual(await streamed(calm, path, body));
    }
  });

  it("loads folders, streams and a draft head beside sequences that run", async () => {
    const host = memoryHost({ restless: true }, threads);
    const open = async (): Promise<ModelFiles> => tinyModelFiles(TINY_CONFIGS.block);
    const packing = await loadModel({ ...host, open }, "m", { quantize: "q8", tier: "simd", threads });
    const calm = await loadModel({ ...testHost, open }, "m", { quantize: "q8", tier: "simd" });
    const tiny = [packing, calm].map((each) => each.newSequence({ capacity: 8 }).forward([1, 2, 3]).logits(0));
    expect(tiny[0]).toEqual(tiny[1]);
    const running = said(model, prompt.subarray(0, 200), { speculate: "eagle" });
    const head = await loadEagle(testHost, join(root, "models/blockffn-nano-eagle"), model);
    const bytes = readFileSync(DEFAULT_MODEL);
    const readInto = async (offset: number, target: Uint8Array): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 0));
      target.set(bytes.subarray(offset, offset + target.length));
    };
    const source: ByteSource = { name: "s", size: bytes.length, sequential: true, readInto, close: async () => {} };
    const stream: ModelFiles = { name: "s", single: true, open: async () => source };
    const streamed = await loadModel({ ...host, open: async () => stream }, "s", { tier: "simd", threads });
    const expected = await said(still, prompt.subarray(0, 200), { speculate: "off" });
    expect(await running).toEqual(expected);
    expect(await said(streamed, prompt.subarray(0, 200), { speculate: "eagle" })).toEqual(expected);
    head.dispose();
    [packing, calm, streamed].forEach((each) => each.dispose());
  });

  it("runs the commands", async () => {
    const temporary = mkdtempSync(join(tmpdir(), "blockffn-restless-"));
    try {
      const run = async (host: typeof testHost, name: string): Promise<string[]> => {
        const out = join(temporary, name);
        const commands = [
          ["generate", STORY.repeat(3), "--max-tokens", String(TOKENS), "--speculate", "eagle"],
          ["generate", STORY.repeat(3), "--max-tokens", String(TOKENS), "--speculate", "model", "--draft-model", DEFAULT_MODEL],
          ["logits", "--tokens", Array.from(prompt.subarray(0, 90)).join(","), "--out", out],
        ];
        const runs = [];
        for (const command of commands) runs.push(await blockffn([...command, "--model", DEFAULT_MODEL, "--tier", "simd"], { host }));
        expect(runs.map(({ code, err }) => [code, /rror/.test(err)])).toEqual(runs.map(() => [0, false]));
        return [...runs.map(({ out: said }) => said), readFileSync(out).toString("base64")];
      };
      expect(await run(memoryHost({ restless: true }, threads), "moved")).toEqual(await run(testHost, "stayed"));
    } finally {
      rmSync(temporary, { recursive: true });
    }
  });
});
