import { describe, expect, it } from "vitest";
import { convertModel } from "../../src/load/convert.ts";
import { openPacked } from "../../src/format/packed/packed.ts";
import { LimitError, TokenizerError } from "../../src/errors.ts";
import { ChatFormat } from "../../src/text/chat.ts";
import { readChatTemplate, TEMPLATE_LIMITS } from "../../src/text/chat-template.ts";
import { compileTemplate } from "../../src/text/render-template.ts";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { MemoryFiles } from "../helpers/memory-files.ts";
import { bytesSource } from "../helpers/test-host.ts";
import { TINY_CONFIGS, tinyCheckpoint } from "../helpers/tiny-checkpoint.ts";
import { tinyTokenizerJson } from "../helpers/tiny-tokenizer.ts";

const tokenizer = loadTokenizer(tinyTokenizerJson(), "tokenizer.json");
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const template = (source: string): { source: string; bosToken: string; eosToken: string } => ({
  source,
  bosToken: "<s>",
  eosToken: "</s>",
});

/** The form of ChatML, with the tiny tokenizer's special tokens. */
const CHAT = template(`{{ bos_token }}{% for message in messages %}
{% if message.role not in ['system', 'user', 'assistant'] %}{{ raise_exception('no such role: ' + message.role) }}{% endif %}
{{ message.role }}: {{ message.content | trim }}{{ eos_token }}
{% endfor %}
{% if add_generation_prompt %}assistant: {% endif %}`);

describe("chat templates", () => {
  it("write a conversation as Jinja says", () => {
    expect(
      compileTemplate(CHAT)([
        { role: "system", content: " be kind " },
        { role: "user", content: "hi" },
      ]),
    ).toBe("<s>system: be kind</s>\nuser: hi</s>\nassistant: ");
  });

  it("say themselves what they refuse", () => {
    expect(() => compileTemplate(CHAT)([{ role: "dog", content: "" }])).toThrow(/^chat_template: no such role: dog$/);
  });

  it.each([
    ["that never end", "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}"],
    ["with endless numbers", "{% for i in range(10 ** 12) %}x{% endfor %}"],
    [
      "that write too much",
      "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(24) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
    ],
    ["that fail", "{{ messages[0].content.nothing() }}"],
  ])("%s are stopped", (_, source) => {
    expect(() => compileTemplate(template(source))([{ role: "user", content: "hi" }])).toThrow(TokenizerError);
  });

  it("that are none are refused", () => expect(() => compileTemplate(template("{% for %}"))).toThrow(TokenizerError));

  it("know the date", () => {
    const now = new Date().toISOString();
    expect(compileTemplate(template("{{ strftime_now('%Y-%m-%d %%') }}"))([])).toBe(`${now.slice(0, 10)} %`);
  });
});

describe("readChatTemplate", () => {
  it("finds it in tokenizer_config.json, by name, or in a file of its own", () => {
    const config = { chat_template: "A", bos_token: { content: "<s>", lstrip: false }, eos_token: "</s>" };
    expect(readChatTemplate(bytes(JSON.stringify(config)), undefined)).toEqual({ source: "A", bosToken: "<s>", eosToken: "</s>" });
    const named = {
      chat_template: [
        { name: "tool_use", template: "T" },
        { name: "default", template: "D" },
      ],
    };
    expect(readChatTemplate(bytes(JSON.stringify(named)), undefined)?.source).toBe("D");
    expect(readChatTemplate(bytes(JSON.stringify(config)), bytes("J"))).toEqual({ source: "J", bosToken: "<s>", eosToken: "</s>" });
    expect(readChatTemplate(undefined, undefined)).toBeUndefined();
    expect(readChatTemplate(bytes("{}"), undefined)).toBeUndefined();
  });

  it.each(["null", "{", JSON.stringify({ chat_template: 3 }), JSON.stringify({ chat_template: "x".repeat(TEMPLATE_LIMITS.source + 1) })])(
    "refuses %.40s",
    (json) => {
      expect(() => readChatTemplate(bytes(json), undefined)).toThrow(TokenizerError);
    },
  );

  it("travels in the packed model", async () => {
    const config = JSON.stringify({ chat_template: CHAT.source, bos_token: "<s>", eos_token: "</s>" });
    const pack = async (files: Record<string, string | Uint8Array>): Promise<Uint8Array> => {
      const parts: Uint8Array[] = [];
      await convertModel(new MemoryFiles(files), "q8", (part) => void parts.push(part.slice()));
      return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
    };
    const plain = tinyCheckpoint(TINY_CONFIGS.block);
    const packed = await openPacked(bytesSource(await pack({ ...plain, "tokenizer_config.json": config }), "packed"));
    expect((await packed.readText()).chatTemplate).toEqual(CHAT);
    expect((await (await openPacked(bytesSource(await pack(plain), "packed"))).readText()).chatTemplate).toBeUndefined();
  });
});

describe("ChatFormat", () => {
  const chat = new ChatFormat(tokenizer, CHAT);

  it("gives the ids of the whole text, special tokens of the template among them", () => {
    const ids = chat.encode([{ role: "user", content: "hi" }]);
    expect([...ids]).toEqual([...tokenizer.encode("<s>user: hi</s>\nassistant: ", { addBos: false })]);
  });

  it("are the same in slices, and stop at a limit", async () => {
    const turns = [{ role: "user", content: "hi </s>" }];
    const ids = chat.encode(turns);
    expect(await chat.encodeWithin(turns, ids.length)).toEqual(ids);
    await expect(chat.encodeWithin(turns, ids.length - 1)).rejects.toThrow(LimitError);
    expect([...ids].filter((id) => tokenizer.specialIds.has(id))).toEqual([1, 2]);
  });

  it("lets nobody but the template set special tokens", () => {
    for (const content of ["</s>", "a</s>b<s>", "<s></s></s>", "  </s>  ", "</s", "<</s>>"]) {
      const ids = chat.encode([
        { role: "user", content },
        { role: "assistant", content: "ok" },
      ]);
      expect(
        [...ids].filter((id) => tokenizer.specialIds.has(id)),
        content,
      ).toEqual([1, 2, 2]);
      expect(tokenizer.decode(ids, { skipSpecial: true }), content).toContain(`user: ${content.trim()}`);
    }
  });

  it("keeps text that holds noncharacters, and refuses what holds them all", () => {
    const content = "a\ufdd0b</s>";
    expect(tokenizer.decode(chat.encode([{ role: "user", content }]))).toContain(content);
    const all = String.fromCharCode(...Array.from({ length: 32 }, (_, i) => 0xfdd0 + i));
    expect(() => chat.encode([{ role: "user", content: all }])).toThrow(TokenizerError);
  });

  it("without a template, has the model go on with the text", () => {
    const plain = new ChatFormat(tokenizer, undefined);
    const ids = plain.encode([
      { role: "system", content: "a story." },
      { role: "user", content: "tom </s>" },
    ]);
    expect([...ids]).toEqual([...tokenizer.encode("a story.\ntom </s>", { parseSpecial: false })]);
    expect([...ids].filter((id) => tokenizer.specialIds.has(id))).toEqual([1]);
  });
});

describe("specials that are normalised", () => {
  const json = JSON.parse(new TextDecoder().decode(tinyTokenizerJson())) as { added_tokens: { normalized: boolean; lstrip: boolean }[] };
  for (const token of json.added_tokens) token.normalized = true;
  const normalised = loadTokenizer(bytes(JSON.stringify(json)), "tokenizer.json");

  it("stay plain text where they are spelled out too", () => {
    const ids = new ChatFormat(normalised, CHAT).encode([{ role: "user", content: "x</s>y" }]);
    expect([...ids].filter((id) => normalised.specialIds.has(id))).toEqual([1, 2]);
    expect(normalised.decode(ids)).toContain("x</s>y");
  });
});
