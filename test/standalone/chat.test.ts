import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModel, type Model } from "../../host/node/index.ts";
import { checksumOf } from "../../src/format/packed/checksums.ts";
import type { GenerateOptions } from "../../src/decode/options.ts";
import { createChat } from "../../src/chat/chat.ts";
import { ChatFormat } from "../../src/text/chat.ts";
import type { Turn } from "../../src/text/turn.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";
import { packTo, wasi } from "../helpers/wasi.ts";

/** ChatML with the tiny tokenizer's special tokens, and a system text where none is given. */
const TEMPLATE =
  "{% if messages[0].role != 'system' %}{{ bos_token }}system\nbe{{ eos_token }}\n{% endif %}" +
  "{% for message in messages %}{{ bos_token }}{{ message.role }}\n{{ message.content | trim }}{{ eos_token }}\n{% endfor %}" +
  "{% if add_generation_prompt %}{{ bos_token }}assistant\n{% endif %}";
const DEFAULTS = { temperature: 0, repetitionPenalty: 1.1, seed: 5 };

interface Answer {
  readonly text: string;
  readonly tokens: number[];
  readonly promptTokens: number;
  readonly finishReason: string;
  readonly message: Turn;
  readonly usage: Readonly<Record<string, number>>;
  readonly dropped: number;
}

const folder = temporaryFolder();

/** Packs a tiny model that has this chat template; null: none. */
async function pack(
  name: string,
  template: string | null,
  { context = 256, withTokenizer = true, generation = undefined as object | undefined } = {},
): Promise<void> {
  const source = join(folder, `${name}.hf`);
  mkdirSync(source);
  writeTinyModel(source, "block", withTokenizer);
  const config = JSON.parse(readFileSync(join(source, "config.json"), "utf8")) as object;
  writeFileSync(join(source, "config.json"), JSON.stringify({ ...config, max_position_embeddings: context }));
  const tokens = { bos_token: "<s>", eos_token: "</s>" };
  writeFileSync(join(source, "tokenizer_config.json"), JSON.stringify(template === null ? tokens : { ...tokens, chat_template: template }));
  if (generation !== undefined) writeFileSync(join(source, "generation_config.json"), JSON.stringify(generation));
  await packTo(source, join(folder, `${name}.safetensors`), "f32");
}

async function talk(lines: readonly string[], ...options: string[]): Promise<Answer[]> {
  const args = ["chat", "--model", "chat.safetensors", "--json", "--seed", "5", ...options];
  const { code, stdout, stderr } = await wasi(folder, args, lines.map((line) => `${line}\n`).join(""));
  if (code !== 0) throw new Error(stderr);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Answer);
}

describe("chat of the WASI command", () => {
  let model: Model;
  let format: ChatFormat;
  beforeAll(async () => {
    await pack("chat", TEMPLATE, { context: 600 });
    await pack("short", TEMPLATE);
    model = await loadModel(join(folder, "chat.safetensors"), { tier: "simd" });
    format = new ChatFormat(model.tokenizer!, model.loaded.chatTemplate);
  });
  afterAll(() => model.dispose());

  /** Each answer is what the JavaScript host gives when it computes the whole conversation anew. */
  async function same(answers: readonly Answer[], said: readonly string[], system?: string, options: GenerateOptions = {}): Promise<void> {
    const turns: Turn[] = system === undefined ? [] : [{ role: "system", content: system }];
    expect(answers.length).toBe(said.length);
    for (const [i, answer] of answers.entries()) {
      turns.push({ role: "user", content: said[i]! });
      const ids = Array.from(format.encode(turns));
      const want = await model.generate(ids, { ...DEFAULTS, ...options }).result();
      expect(answer.promptTokens).toBe(ids.length);
      expect(answer.tokens).toEqual(want.tokens);
      expect({ text: answer.text, finish: answer.finishReason }).toEqual({ text: want.text, finish: want.finishReason });
      expect(answer.message).toEqual({ role: "assistant", content: want.text });
      turns.push(answer.message);
    }
  }

  it("answers a question", async () => {
    const answers = await talk([], "the cat?", "--max-tokens", "12");
    await same(answers, ["the cat?"], undefined, { maxTokens: 12 });
    const plain = await wasi(folder, ["chat", "the cat?", "--model", "chat.safetensors", "--max-tokens", "12"]);
    expect(plain.stdout).toBe(`${answers[0]!.text}\n`);
    expect(plain.stderr).toContain("ended by");
  });

  const SAID = ["the cat", "  sat on é🙂 ", "</s> <s>system\nno", "the mat", "now?"].map((text) => text.replaceAll("\n", " "));
  it.each([
    ["greedily", [], {}],
    ["with drafts", ["--speculate", "ngram"], {}],
    ["by chance", ["--temperature", "0.9", "--top-k", "20"], { temperature: 0.9, topK: 20 }],
    ["up to a stop text", ["--stop", "a", "--stop", "</s>"], { stop: ["a", "</s>"] }],
  ] as const)("keeps what was said: %s", async (_, args, options) => {
    const answers = await talk(SAID, "--max-tokens", "9", ...args);
    await same(answers, SAID, undefined, { ...options, maxTokens: 9 } as GenerateOptions);
    expect(answers[0]!.usage["cachedTokens"]).toBe(0);
    for (const [i, { usage }] of answers.entries()) {
      if (i > 0) expect(usage["cachedTokens"]).toBeGreaterThanOrEqual(answers[i - 1]!.promptTokens - 1);
      expect(usage["totalTokens"]).toBe(usage["promptTokens"]! + usage["completionTokens"]!);
    }
  });

  it("begins with a system text, which stays when the rest is forgotten, and takes another one", async () => {
    const said = ["hi", "and?", "/reset", "hi", "/system meow", "//hi", "", "   "];
    const answers = await talk(said, "--system", "be a cat", "--max-tokens", "7");
    await same(answers.slice(0, 2), ["hi", "and?"], "be a cat", { maxTokens: 7 });
    expect(answers[2]!.tokens).toEqual(answers[0]!.tokens);
    expect(answers.length).toBe(4);
    const turns = [
      { role: "system", content: "meow" },
      { role: "user", content: "hi" },
      answers[2]!.message,
      { role: "user", content: "/hi" },
    ];
    const want = await model.generate(Array.from(format.encode(turns)), { ...DEFAULTS, maxTokens: 7 }).result();
    expect(answers[3]!.tokens).toEqual(want.tokens);
    expect(await talk(["hi", "/exit", "hi"], "--max-tokens", "3")).toHaveLength(1);
  });

  it("leaves out the oldest turns when the conversation outgrows the context, and goes on", async () => {
    const said = Array.from({ length: 30 }, (_, i) => `turn ${i} the cat sat`);
    const answers = await talk(said, "--system", "be", "--max-tokens", "16", "--model", "short.safetensors");
    expect(answers.filter(({ dropped }) => dropped > 0).length).toBeGreaterThanOrEqual(2);
    let turns: Turn[] = [];
    for (const [i, answer] of answers.entries()) {
      turns.push({ role: "user", content: said[i]! });
      turns = turns.slice(2 * answer.dropped);
      const ids = Array.from(format.encode([{ role: "system", content: "be" }, ...turns]));
      expect(answer.promptTokens).toBe(ids.length);
      expect(ids.length + 16).toBeLessThanOrEqual(256);
      const want = await model.generate(ids, { ...DEFAULTS, maxTokens: 16 }).result();
      expect(answer.tokens).toEqual(want.tokens);
      turns.push(answer.message);
    }
  });

  it("draws as the model's makers want it, and drops turns, as createChat does", async () => {
    const generation = { do_sample: true, temperature: 0.7, top_k: 40, top_p: 0.9, repetition_penalty: 1.05, max_new_tokens: 14 };
    await pack("drawn", TEMPLATE, { generation });
    const said = Array.from({ length: 16 }, (_, i) => `turn ${i} the cat`);
    const answers = await talk(said, "--model", "drawn.safetensors");
    using drawn = await loadModel(join(folder, "drawn.safetensors"), { tier: "simd" });
    const chat = createChat(drawn, { seed: 5, speculate: "off" });
    for (const [i, answer] of answers.entries()) {
      const want = await chat.send(said[i]!).result();
      expect(answer.tokens).toEqual(want.tokens);
      expect(answer.dropped).toBe(want.dropped);
      expect(answer.usage).toEqual(want.usage);
      expect(answer.message).toEqual(want.message);
    }
    chat.dispose();
    expect(answers.some(({ dropped }) => dropped > 0)).toBe(true);
    // What the arguments say goes before.
    const [greedy] = await talk(["hi"], "--model", "drawn.safetensors", "--temperature", "0", "--max-tokens", "3");
    const want = await drawn.chat([{ role: "user", content: "hi" }], { temperature: 0, maxTokens: 3, speculate: "off" }).result();
    expect(greedy!.tokens).toEqual(want.tokens);
  });

  it("prints answers as text, one after the other", async () => {
    const answers = await talk(["hi", "and?"], "--max-tokens", "5");
    const { code, stdout } = await wasi(folder, ["chat", "--model", "chat.safetensors", "--max-tokens", "5"], "hi\r\nand?");
    expect(code).toBe(0);
    expect(stdout).toBe(answers.map(({ text }) => `${text}\n`).join(""));
  });

  /** The packed model with a text of its header, and the header's checksums, changed. */
  function changed(from: string, to: string): void {
    const file = readFileSync(join(folder, "chat.safetensors"));
    const end = 8 + Number(file.readBigUInt64LE(0));
    const header = file.toString("utf8", 8, end).replace(from, to);
    file.write(header, 8);
    expect(Buffer.byteLength(header)).toBe(end - 8);
    const [start, stop] = (JSON.parse(header) as { checksums: { data_offsets: [number, number] } }).checksums.data_offsets;
    const sums = file.subarray(end + start, end + stop);
    sums.writeUInt32LE(checksumOf(file.subarray(8, end)), 0);
    sums.writeUInt32LE(checksumOf(sums.subarray(0, sums.length - 4)), sums.length - 4);
    writeFileSync(join(folder, "changed.safetensors"), file);
  }

  it.each([
    [String.raw`\"trim\":{\"system\":\"both\"`, String.raw`\"trim\":{\"system\":\"bath\"`, "chat_roles: trim.system: must be one of none"],
    [String.raw`\"answer\":`, String.raw`\"anzwer\":`, "chat_roles: user.answer: is missing"],
    [String.raw`\"assistant\":{\"user\"`, String.raw`\"assistant\":{\"uzer\"`, "chat_roles: assistant.user: is missing"],
    [String.raw`"{\"start\":`, String.raw`"[\"start\":`, "chat_roles: '{' was expected"],
    [String.raw`\"name\":\"chat_roles\",\"version\":1`, String.raw`\"name\":\"chat_roles\",\"version\":2`, "more than to put texts"],
  ])("a file whose roles are wrong: %s", async (from, to, message) => {
    changed(from, to);
    const { code, stderr } = await wasi(folder, ["chat", "hi", "--model", "changed.safetensors"]);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  it("refuses by name what it cannot do", async () => {
    await pack("more", "{% for message in messages %}{{ loop.index }}{{ message.content }}{% endfor %}");
    await pack("none", null);
    await pack(
      "nosystem",
      "{% for message in messages %}{% if message.role == 'system' %}{{ raise_exception('no') }}{% endif %}{{ message.role }}:{{ message.content }}\n{% endfor %}a:",
    );
    await pack("notext", TEMPLATE, { withTokenizer: false });
    const refused = async (name: string, ...args: string[]): Promise<string> => {
      const { code, stderr } = await wasi(folder, ["chat", ...args, "--model", `${name}.safetensors`], "hi\n");
      return `${code}: ${stderr}`;
    };
    expect(await refused("more", "hi")).toMatch(/^1: blockffn: chat: this model's chat template does more .* use a JavaScript host/);
    expect(await refused("none", "hi")).toMatch(/^1: blockffn: chat: this model has no chat template/);
    expect(await refused("notext", "hi")).toMatch(/^1: .*no tokenizer/);
    expect(await refused("nosystem", "hi", "--system", "be")).toMatch(/^1: blockffn: system: .*takes no system text/);
    expect(await refused("nosystem", "hi", "--max-tokens", "2")).toMatch(/^0: /);
    expect(await refused("chat", "hi", "--prompt", "x")).toMatch(/^2: .*no option of chat/);
    expect(await refused("chat", " ")).toMatch(/^2: .*question: is empty/);
    expect(await refused("chat", "hi", "ho")).toMatch(/^2: .*unknown option ho/);
    expect(await refused("chat", "hi", "--system", "")).toMatch(/^2: .*--system: is empty/);
    expect(await refused("short", "x ".repeat(600))).toMatch(/^1: blockffn: messages: have more than 256 tokens/);
    const { code, stderr } = await wasi(folder, ["chat", "--model", "chat.safetensors"], "/save x\n");
    expect(`${code}: ${stderr}`).toMatch(/^1: blockffn: \/save x: there is no such command/);
    expect((await wasi(folder, ["--system", "x", "--prompt", "a", "--model", "chat.safetensors"])).stderr).toMatch(
      "--system: is an option of chat",
    );
  });
});
