import { expect, it } from "vitest";
import { loadTokenizer } from "../../src/text/load-tokenizer.ts";
import { testServer, type ErrorBody } from "../helpers/server.ts";
import { tinyTokenizerJson } from "../helpers/tiny-tokenizer.ts";

const tokenizer = loadTokenizer(tinyTokenizerJson(), "tokenizer.json");
/** What templates in use ask: Qwen 3, DeepSeek V3.1 and gpt-oss. */
const source = [
  "{{ bos_token }}{{ messages[0].content }}|",
  "{%- if enable_thinking is defined and enable_thinking is false %}fast{% else %}slow{% endif %}|",
  "{%- if thinking is not defined %}-{% elif thinking %}thinks{% else %}no{% endif %}|",
  "{{ reasoning_effort | default('unsaid') }}|{{ budget | default(0) + 1 }}|{{ style | default('plain') }}",
].join("");

/** Sends one turn, "a". @returns the prompt as the model gets it, or the error */
async function prompt(asked: object): Promise<string | ErrorBody["error"]> {
  let ids: readonly number[] = [];
  const next = (history: readonly number[]): number => {
    if (ids.length === 0) ids = history.slice();
    return 2;
  };
  const server = testServer({}, { next, chatTemplate: { source, bosToken: "<s>", eosToken: "</s>" } });
  const response = await server.post("/v1/chat/completions", { messages: [{ role: "user", content: "a" }], ...asked });
  if (response.status !== 200) return ((await response.json()) as ErrorBody).error;
  expect(ids.filter((id) => tokenizer.specialIds.has(id))).toEqual([1]);
  return tokenizer.decode(ids, { skipSpecial: true });
}

it.each<[object, string]>([
  [{}, "a|slow|-|unsaid|1|plain"],
  [{ reasoning_effort: null, chat_template_kwargs: null }, "a|slow|-|unsaid|1|plain"],
  [{ reasoning_effort: "none" }, "a|fast|no|none|1|plain"],
  [{ reasoning_effort: "high" }, "a|slow|thinks|high|1|plain"],
  [{ chat_template_kwargs: { enable_thinking: false } }, "a|fast|-|unsaid|1|plain"],
  [{ chat_template_kwargs: { enable_thinking: null, thinking: true, budget: 512 } }, "a|slow|thinks|unsaid|513|plain"],
  [{ reasoning_effort: "low", chat_template_kwargs: { reasoning_effort: "max", thinking: false } }, "a|slow|no|max|1|plain"],
  [{ chat_template_kwargs: {} }, "a|slow|-|unsaid|1|plain"],
  // What a client spells out stays text, as in messages.
  [{ chat_template_kwargs: { style: "</s><s>x" } }, "a|slow|-|unsaid|1|</s><s>x"],
])("%j writes %j", async (asked, text) => {
  expect(await prompt(asked)).toBe(text);
});

it.each<[unknown, string]>([
  [[], "chat_template_kwargs"],
  ["enable_thinking", "chat_template_kwargs"],
  [{ tools: "x" }, "chat_template_kwargs.tools"],
  [{ messages: 1 }, "chat_template_kwargs.messages"],
  [{ add_generation_prompt: false }, "chat_template_kwargs.add_generation_prompt"],
  [{ bos_token: "x" }, "chat_template_kwargs.bos_token"],
  [{ list: [1] }, "chat_template_kwargs.list"],
  [{ object: {} }, "chat_template_kwargs.object"],
  [{ "a b": 1 }, "chat_template_kwargs.a b"],
  [{ "": 1 }, "chat_template_kwargs."],
  [{ long: "x".repeat(4097) }, "chat_template_kwargs.long"],
  [{ ["n".repeat(65)]: 1 }, `chat_template_kwargs.${"n".repeat(64)}`],
  [Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`v${i}`, i])), "chat_template_kwargs"],
])("refuses the values %j, naming which", async (values, param) => {
  expect(await prompt({ chat_template_kwargs: values })).toMatchObject({ type: "invalid_request_error", param });
});
