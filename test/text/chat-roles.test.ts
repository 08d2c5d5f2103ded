import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createRandom } from "../../src/decode/sampling/rng.ts";
import { findChatRoles, writeByRoles } from "../../src/text/chat-roles.ts";
import { compileTemplate } from "../../src/text/render-template.ts";
import type { ChatTemplate } from "../../src/text/chat-template.ts";
import type { Turn } from "../../src/text/turn.ts";

const folder = new URL("../reference/templates/", import.meta.url);
const given = (source: string): ChatTemplate => ({ source, bosToken: "<s>", eosToken: "</s>", padToken: "<pad>", unkToken: "<unk>" });
const read = (name: string): ChatTemplate => given(readFileSync(new URL(name, folder), "utf8"));

/** Templates that only put texts around contents, by their roles, and whether system texts are among these. */
const PLAIN: Readonly<Record<string, boolean>> = {
  "chatml.jinja": true,
  "command-turns.jinja": true,
  "functionary-typescript.jinja": true,
  "gemma-parts.jinja": true,
  "granite-documents.jinja": true,
  "minicpm-plain.jinja": true,
  // The system text stands before the last question.
  "mistral-strict.jinja": false,
  "phi-mini.jinja": true,
  "phi-separators.jinja": true,
  "qwen-coder-xml.jinja": true,
  "windows-lines.jinja": true,
};
/** Those that do more, and what. */
const MORE: Readonly<Record<string, string>> = {
  "command-lists.jinja": "counts the messages of each role",
  "command-python-tools.jinja": "leaves answers out",
  "deepseek-reasoner.jinja": "cuts thoughts out of earlier answers",
  "deepseek-thinking.jinja": "cuts thoughts out of earlier answers",
  "glm-visible-text.jinja": "cuts thoughts out of earlier answers",
  "gpt-oss-typescript.jinja": "refuses answers that spell its channels",
  "hy3-fast-think.jinja": "takes an answer out of its tags",
  "llama3-tools.jinja": "says the date",
  "mistral-date-tools.jinja": "says the date",
  "qwen3-thinking.jinja": "cuts thoughts out of earlier answers",
  "seed-budget.jinja": "is no plain conversation",
  "smollm-date.jinja": "says the date",
  "smollm-modes.jinja": "looks for switches in the system text",
};

const random = createRandom(23);
const pick = <T>(list: readonly T[]): T => list[random.uint32() % list.length]!;
const WORDS = [
  "a",
  " ",
  "\n",
  "\t",
  "é",
  "中",
  "🙂",
  "<|im_end|>",
  "</s>",
  "{{",
  "}}",
  "think",
  ".",
  "\u00a0",
  "\u2003",
  "assistant",
  "[/INST]",
];

function conversation(system: boolean): Turn[] {
  const content = (): string => Array.from({ length: 1 + (random.uint32() % 12) }, () => pick(WORDS)).join("");
  const turns: Turn[] = system ? [{ role: "system", content: `x${content()}` }] : [];
  for (let count = 1 + (random.uint32() % 6); count > 0; count--) {
    turns.push({ role: "user", content: content() });
    if (count > 1) turns.push({ role: "assistant", content: content() });
  }
  return turns;
}

describe("what a chat template writes around contents", () => {
  it("every template of the repository is told", () => {
    expect([...Object.keys(PLAIN), ...Object.keys(MORE)].sort()).toEqual(readdirSync(folder).sort());
  });

  it.each(Object.entries(PLAIN))("%s: conversations of any kind are written as it does (system text: %s)", (name, system) => {
    const roles = findChatRoles(read(name))!;
    const render = compileTemplate(read(name));
    expect(roles.system !== undefined).toBe(system);
    for (let run = 0; run < 100; run++) {
      const turns = conversation(system && run % 2 === 0);
      expect(writeByRoles(roles, turns)).toBe(render(turns));
    }
  });

  it.each(Object.entries(MORE))("%s: %s", (name) => {
    expect(findChatRoles(read(name))).toBeUndefined();
  });

  it("is what the reference writes", () => {
    const { whole } = JSON.parse(readFileSync(new URL("fixtures/chat-templates.json", import.meta.url), "utf8")) as {
      readonly whole: readonly { readonly template: string; readonly conversation: string; readonly text?: string }[];
    };
    const { conversations } = JSON.parse(readFileSync(new URL("../reference/values.json", import.meta.url), "utf8")) as {
      readonly conversations: Readonly<Record<string, { readonly messages: readonly Turn[] }>>;
    };
    let compared = 0;
    for (const { template, conversation: name, text } of whole) {
      const values = conversations[name]!;
      const system = values.messages[0]?.role === "system";
      const talk = values.messages.slice(system ? 1 : 0);
      const plain =
        talk.length % 2 === 1 && talk.every(({ role, content }, i) => role === ["user", "assistant"][i % 2] && typeof content === "string");
      if (text === undefined || PLAIN[template] === undefined || !plain || Object.keys(values).length > 1 || (system && !PLAIN[template]))
        continue;
      compared++;
      expect(writeByRoles(findChatRoles(read(template))!, values.messages), `${template} ${name}`).toBe(text);
    }
    expect(compared).toBeGreaterThan(8);
  });

  const loop = (body: string): string => `{% for message in messages %}${body}{% endfor %}A:`;
  it.each([
    ["a suffix between turns alone", loop("{{ message.role }}:{{ message.content }}{% if not loop.last %}|{% endif %}"), true],
    ["trims on one side", loop("{{ message.role }}:{{ message.content.rstrip() }}|"), true],
    [
      "trims one role",
      loop("{% if message.role == 'user' %}{{ message.content | trim }}{% else %}{{ message.content }}{% endif %}|"),
      true,
    ],
    ["another thing in the third turn", loop("{{ message.role }}:{{ message.content }}{% if loop.index == 5 %}!{% endif %}|"), false],
    ["counts turns", loop("{{ loop.index }}{{ message.content }}|"), false],
    ["changes a content", loop("{{ message.role }}:{{ message.content | replace('\n\n', '\n') }}|"), false],
    ["shortens a content", loop("{{ message.role }}:{{ message.content[:1000] }}|"), false],
    ["looks into a content", loop("{{ message.role }}{{ '!' if '<think>' in message.content }}:{{ message.content }}|"), false],
    ["says a content twice", loop("{{ message.content }}{{ message.content }}|"), false],
    ["escapes a content", loop("{{ message.role }}:{{ message.content | tojson }}|"), false],
    ["leaves out empty answers", loop("{% if message.content %}{{ message.role }}:{{ message.content }}|{% endif %}"), false],
    [
      "compares contents",
      loop("{{ message.role }}:{{ message.content }}{{ '=' if message.content == messages[-1].content and not loop.last }}|"),
      false,
    ],
    ["says the time", `{{ strftime_now('%Y') }}${loop("{{ message.role }}:{{ message.content }}|")}`, false],
    ["does not use contents", "hello", false],
    ["fails", "{{ messages.nothing() }}", false],
    ["is none", "{% for %}", false],
  ])("a template that %s", (_, source, plain) => {
    const roles = findChatRoles(given(source));
    expect(roles !== undefined).toBe(plain);
    if (roles === undefined) return;
    const render = compileTemplate(given(source));
    for (let run = 0; run < 50; run++) {
      const turns = conversation(run % 2 === 0);
      expect(writeByRoles(roles, turns)).toBe(render(turns));
    }
  });
});
