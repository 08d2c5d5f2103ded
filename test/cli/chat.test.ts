import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ChatResult } from "../../src/chat/answer.ts";
import { nodeHost } from "../../host/node/engine.ts";
import { runBlockffn } from "../../cli/blockffn.ts";
import { Model } from "../../src/model.ts";
import { loadModel } from "../../src/load/load.ts";
import { blockffn, fakeIo } from "../helpers/fake-io.ts";
import { tinyChatFiles } from "../helpers/tiny-chat.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";

const folder = temporaryFolder();
for (const [name, content] of Object.entries(tinyChatFiles({ generation: { repetition_penalty: 1, max_new_tokens: 6 } })))
  writeFileSync(join(folder, name), content);
const files = temporaryFolder();
const at = (name: string): string => join(files, name);
const model = ["-m", folder, "--tier", "simd", "--ignore-eos"];
const pipe = (stdin: string) => ({ stdinIsTty: false, stdin });
const lines = (out: string): ChatResult[] =>
  out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as ChatResult);

/** What the library says to a conversation. */
async function said(...contents: string[]): Promise<string[]> {
  const library = new Model(await loadModel(nodeHost, folder, { tier: "simd" }));
  const messages: { role: string; content: string }[] = [];
  const texts: string[] = [];
  for (const content of contents) {
    messages.push({ role: "user", content });
    const { message } = await library.chat(messages, { ignoreEos: true }).result();
    messages.push(message);
    texts.push(message.content);
  }
  library.dispose();
  return texts;
}

describe("chat QUESTION", () => {
  it("answers once, with a line of timings on stderr", async () => {
    const { code, out, err } = await blockffn(["chat", "hi", ...model]);
    expect({ code, out }).toEqual({ code: 0, out: `${(await said("hi"))[0]}\n` });
    expect(err).toMatch(/^\[prompt \d+ tokens at [\d.,]+\/s; 6 new at .*ended by length\]\n$/);
  });

  it("prints one object with --json, and takes a system text and options instead of the model's", async () => {
    const { code, out, err } = await blockffn(["chat", "hi", ...model, "--json", "--system", "be kind", "-n", "3", "--speculate", "ngram"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(lines(out)).toEqual([expect.objectContaining({ dropped: 0, finishReason: "length", model: folder, quantization: "f32" })]);
    const [{ tokens, message, usage }] = lines(out) as [ChatResult];
    expect(tokens).toHaveLength(3);
    expect(message.role).toBe("assistant");
    expect(usage).toMatchObject({ completionTokens: 3, cachedTokens: 0 });
    expect(usage.promptTokens).toBeGreaterThan(lines((await blockffn(["chat", "hi", ...model, "--json"])).out)[0]!.usage.promptTokens);
  });

  it.each([
    [["--temperature", "-1"], /--temperature must be a number from 0/],
    [["--overflow", "cut"], /Allowed choices are drop, refuse/],
    [["--speculate", "model"], /--draft-model/],
  ])("refuses %j before it loads anything", async (args, message) => {
    const { code, err } = await blockffn(["chat", "hi", "-m", "/no/such", ...args]);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });

  it("refuses no question at all", async () => {
    expect(await blockffn(["chat", " ", ...model])).toMatchObject({ code: 2, out: "" });
  });
});

describe("chat through a pipe", () => {
  it("answers each line, without prompts, and keeps the state", async () => {
    const [first, second] = await said("hi", "and you");
    expect(await blockffn(["chat", ...model], pipe("hi\n\nand you\n"))).toEqual({ code: 0, out: `${first}\n${second}\n`, err: "" });
    const [one, two] = lines((await blockffn(["chat", ...model, "--json"], pipe("hi\r\nand you"))).out);
    expect([one?.text, two?.text]).toEqual([first, second]);
    expect(one?.usage.cachedTokens).toBe(0);
    expect(two?.usage.cachedTokens).toBeGreaterThan(10);
  });

  it("takes messages of several lines", async () => {
    const [block] = await said("one\n  two");
    expect((await blockffn(["chat", ...model], pipe('"""\none\n  two\n"""\n'))).out).toBe(`${block}\n`);
    expect((await blockffn(["chat", ...model], pipe('"""one\n  two"""\n'))).out).toBe(`${block}\n`);
    expect((await blockffn(["chat", ...model], pipe("one\\\n  two\n"))).out).toBe(`${block}\n`);
    const [backslash] = await said("one\\\\");
    expect((await blockffn(["chat", ...model], pipe("one\\\\\n"))).out).toBe(`${backslash}\n`);
    const [unfinished] = await said("one\ntwo");
    expect((await blockffn(["chat", ...model], pipe('"""one\ntwo'))).out).toBe(`${unfinished}\n`);
  });

  it("knows commands: reset, system, save, load, stats, help, exit, and texts that look like them", async () => {
    const [hi] = await said("hi");
    const [slash] = await said("/hi");
    const saved = at("talk.json");
    const script = [
      "hi",
      "/reset",
      "hi",
      `/save ${saved}`,
      "/system be kind",
      "/system",
      "/stats",
      "/help",
      `/load ${saved}`,
      "/reset",
      "//hi",
      "/exit",
      "never",
    ];
    const { code, out, err } = await blockffn(["chat", ...model], pipe(script.join("\n")));
    expect({ code, out }).toEqual({ code: 0, out: `${hi}\n${hi}\n${slash}\n` });
    expect(err).toMatch(
      /^forgotten\nsaved: 2 messages\nbe kind\n[^]*tokens said +12\n[^]*\/reset +forget[^]*loaded: 2 messages\nforgotten\n$/,
    );
    expect(JSON.parse(readFileSync(saved, "utf8"))).toEqual({
      format: "blockffn.chat",
      version: 1,
      messages: [
        { role: "user", content: "hi" },
        { role: "assistant", content: hi },
      ],
      dropped: 0,
    });
  });

  it("goes on with a saved conversation as if it had not ended", async () => {
    const path = at("half.json");
    await blockffn(["chat", ...model], pipe(`hi\n/save ${path}\n`));
    const [, second] = await said("hi", "and you");
    expect((await blockffn(["chat", ...model], pipe(`/load ${path}\nand you\n/save ${path}\n`))).out).toBe(`${second}\n`);
    expect((JSON.parse(readFileSync(path, "utf8")) as { messages: unknown[] }).messages).toHaveLength(4);
  });

  it("overwrites nothing but conversations, and reads nothing else", async () => {
    const other = at("notes.txt");
    writeFileSync(other, "notes");
    writeFileSync(at("no.json"), "{");
    writeFileSync(at("other.json"), '{"messages": []}');
    for (const [command, message] of [
      [`/save ${other}`, /notes\.txt: is there already and is not a conversation/],
      [`/save ${join(folder, "config.json")}`, /config\.json/],
      [`/load ${at("none.json")}`, /none\.json: there is no such file/],
      [`/load ${at("no.json")}`, /no\.json: is not JSON/],
      [`/load ${at("other.json")}`, /other\.json: format/],
      ["/save", /needs the name of a file/],
      ["/reset now", /takes nothing after it/],
      ["/constructor", /there is no command \/constructor/],
    ] as const) {
      const { code, err } = await blockffn(["chat", ...model], pipe(`${command}\nhi\n`));
      expect(code, command).not.toBe(0);
      expect(err).toMatch(message);
    }
    expect(readFileSync(other, "utf8")).toBe("notes");
  });

  it("says when old turns went, and can be told to refuse", async () => {
    const long = pipe(`${"word ".repeat(12)}\n`.repeat(6));
    const { code, out, err } = await blockffn(["chat", ...model, "--context", "200"], long);
    expect(code).toBe(0);
    expect(out.trim().split("\n").length).toBeGreaterThanOrEqual(6);
    expect(err).toMatch(/outgrew the context: its \d+ oldest turns/);
    const refused = await blockffn(["chat", ...model, "--context", "200", "--overflow", "refuse"], long);
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.err).toMatch(/messages: have more than 200 tokens/);
  });

  it("takes no line without end", async () => {
    const huge = new TextEncoder().encode("x".repeat(1 << 22));
    let parts = 0;
    const io = fakeIo({ stdinIsTty: false });
    const { PipedLines } = await import("../../cli/lines.ts");
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (; parts < 64; parts++) yield huge;
    };
    const code = await runBlockffn(["chat", ...model], Object.assign(io, { lines: (limit: number) => new PipedLines(endless(), limit) }));
    expect(code).toBe(1);
    expect(io.stderr).toMatch(/standard input: has a line of more than/);
    expect(parts).toBeLessThan(8);
  });
});

describe("chat at a terminal", () => {
  /** Lines that come when they are asked for; a function is done instead, and the next one asked for. */
  function typed(steps: readonly (string | (() => void))[]) {
    const prompts: string[] = [];
    let closed = false;
    let wake: (() => void) | undefined;
    const left = [...steps];
    return {
      prompts,
      lines: () => ({
        async next(prompt: string) {
          prompts.push(prompt);
          for (;;) {
            const step = left.shift();
            if (closed) return undefined;
            if (typeof step === "string") return step;
            if (step === undefined) return new Promise<undefined>((resolve) => (wake = () => resolve(undefined)));
            step();
          }
        },
        promptAgain: () => void prompts.push("again"),
        close: () => {
          closed = true;
          wake?.();
        },
      }),
    };
  }

  it("an interrupt stops an answer, a second one leaves; one that is alone is asked about", async () => {
    const keys = typed(["tell me", "go on", () => io.interrupt(), "hi", () => io.interrupt(), () => io.interrupt()]);
    const io = fakeIo({ stdinIsTty: true });
    let answers = 0;
    Object.assign(io, {
      lines: keys.lines,
      out: async (text: string) => {
        io.stdout += text;
        // While the first answer comes.
        if (text !== "\n" && answers++ === 0) io.interrupt();
      },
    });
    const code = await runBlockffn(["chat", ...model, "-n", "60"], io);
    expect(code).toBe(0);
    expect(io.stderr.match(/leaves/g)).toHaveLength(2);
    expect(keys.prompts.filter((prompt) => prompt === "again")).toHaveLength(2);
    expect(io.listeners).toBe(0);
  });

  it("goes on after a mistake, and shows what else a message needs", async () => {
    const keys = typed(["/nope", "w".repeat(400), '"""one', 'two"""', "/exit"]);
    const io = Object.assign(fakeIo({ stdinIsTty: true }), { lines: keys.lines });
    expect(await runBlockffn(["chat", ...model], io)).toBe(0);
    expect(io.stderr).toMatch(/no command \/nope[^]*have more than 256 tokens/);
    expect(io.stdout).toBe(`${(await said("one\ntwo"))[0]}\n`);
    expect(keys.prompts).toEqual(["> ", "> ", "> ", '" ', "> "]);
  });

  it("ends when the system asks", async () => {
    const keys = typed(["hi", () => io.terminate()]);
    const io = Object.assign(fakeIo({ stdinIsTty: true }), { lines: keys.lines });
    expect(await runBlockffn(["chat", ...model], io)).toBe(143);
  });
});

describe("generate", () => {
  it("says once that a model has a chat template, to people alone", async () => {
    const told = await blockffn(["generate", "hi", ...model, "-n", "2"]);
    expect(told.err.match(/blockffn chat/g)).toHaveLength(1);
    expect((await blockffn(["generate", "hi", ...model, "-n", "2", "--json"])).err).toBe("");
    expect((await blockffn(["generate", "--tokens", "1,5", ...model, "-n", "2"])).err).not.toMatch(/blockffn chat/);
  });
});
