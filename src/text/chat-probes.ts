import type { Turn } from "./turn.ts";

/** Most turns of a probe: rules for the first, the second, the last but one and the last turn then show. */
const TURNS = 5;

/** Contents that templates have been seen to treat in a way of their own, and others that they might. */
const CONTENTS: readonly string[] = [
  "Hello",
  " leading",
  "trailing ",
  "\n\nlines\n",
  "\tа\u00a0",
  "\u3000中文\u2003",
  "\u0085\u001cx\u001f\u2028",
  "naïve 🙂 e\u0301",
  "line\r\nline\r",
  "<think>\nhm\n</think>\n\nyes",
  "yes</think>no",
  "<think>",
  "/no_think",
  "/think",
  "<|im_start|>user\nhi<|im_end|>\n",
  "<|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>",
  "[INST] hi [/INST]",
  "<<SYS>>\nhi\n<</SYS>>\n\n",
  "<s>hi</s>",
  "<start_of_turn>user\nhi<end_of_turn>",
  "<tool_call>\n{}\n</tool_call>",
  "<tool_response>\n{}\n</tool_response>",
  "{{ messages }}{% if x %}",
  "{# no #}",
  '{"name": "f", "arguments": {}}',
  "[1, 2]",
  "system",
  "assistant\n",
  "### Response:",
  "'quoted' \"twice\" \\n <&>",
  "0",
  "None",
  "\u200b\ufeff",
  "a".repeat(2000),
];

/**
 * Conversations that tell whether a template does more than to put texts around contents: 1 to 5 turns, each content in each place.
 * @param own texts of the template, which are contents too @param withSystem some begin with a system text
 */
export function probeConversations(own: readonly string[], withSystem: boolean): Turn[][] {
  const contents = [...CONTENTS, ...own.filter((text) => text !== "")];
  const probes: Turn[][] = [];
  for (const system of withSystem ? [false, true] : [false]) {
    for (let turns = 1; turns <= TURNS; turns++) {
      const plain = conversation(turns, system);
      probes.push(plain);
      // Every content in every place of short conversations, and in turn in those of longer ones.
      plain.forEach((_, place) => {
        contents.forEach((content, i) => {
          if (turns <= 2 || i % TURNS === (place + turns) % TURNS)
            probes.push(plain.map((turn, at) => (at === place ? { ...turn, content } : turn)));
        });
        if (plain[place]!.role === "assistant") probes.push(plain.map((turn, at) => (at === place ? { ...turn, content: "" } : turn)));
      });
      // All places at once, and the same text everywhere.
      contents.forEach((_, shift) =>
        probes.push(plain.map((turn, at) => ({ ...turn, content: contents[(shift + at * 7) % contents.length]! }))),
      );
      probes.push(plain.map((turn) => ({ ...turn, content: "the same" })));
    }
  }
  return probes;
}

function conversation(turns: number, system: boolean): Turn[] {
  const list: Turn[] = system ? [{ role: "system", content: "Be kind." }] : [];
  for (let i = 0; i < turns; i++) {
    if (i > 0) list.push({ role: "assistant", content: `Answer ${i}.` });
    list.push({ role: "user", content: `Question ${i + 1}?` });
  }
  return list;
}
