import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { loadModel } from "../../../host/node/index.ts";
import { ChatFormat } from "../../../src/text/chat.ts";
import type { Turn } from "../../../src/text/turn.ts";
import { chatModelFile } from "../../helpers/chat-model.ts";
import { describeShared } from "../../helpers/shared.ts";
import { root } from "../../helpers/test-host.ts";
import { CHAT_GOLDENS, CHAT_WANTED, GOLDEN_TOKENS, goldenQuestion, GOLDENS } from "../chat-goldens.ts";
import { denoBinary } from "../installed.ts";
import { describeTool } from "../wasi/runtimes.ts";

const COMPONENT = join(root, "dist/wasi/component/runtime.js");
const HINT = "run npm ci in test/runtime/component, and npm run build:component";

interface Answer {
  readonly tokens: number[];
  readonly text: string;
  readonly promptTokens: number;
  readonly finish: string | null;
  readonly stopText: string | null;
  readonly reused: [number, number];
}
interface Output {
  readonly texts: unknown;
  readonly answers: readonly Answer[];
  readonly talk: readonly Answer[];
  readonly errors: readonly string[];
  readonly stop: Answer;
  readonly defaults: Readonly<Record<string, unknown>>;
}

function goldens(name: string, tool: string, before: readonly string[]): void {
  describe(name, () => {
    let model: string;
    let output: Output;
    beforeAll(async () => {
      model = await chatModelFile();
      const questions = CHAT_GOLDENS.map(goldenQuestion);
      const wanted = JSON.stringify({ maxTokens: GOLDEN_TOKENS, prompts: CHAT_GOLDENS.map(({ prompt }) => prompt), questions });
      const { stdout } = await promisify(execFile)(tool, [...before, "test/runtime/component/goldens.mjs", model, wanted], { cwd: root });
      output = JSON.parse(stdout) as Output;
    });

    it("golden answers, as texts to go on with and as questions", () => {
      expect(output.texts).toEqual(CHAT_WANTED);
      const said = output.answers.map(({ tokens, text, promptTokens }) => ({ tokens, text, promptTokens }));
      expect(said).toEqual(CHAT_GOLDENS.map(({ greedy, text, ids }) => ({ tokens: greedy, text, promptTokens: ids.length })));
    });

    it("a conversation says what computing it anew gives, also after an answer that was left early", async () => {
      using node = await loadModel(model, { tier: "simd" });
      const format = new ChatFormat(node.tokenizer!, node.loaded.chatTemplate);
      const [first, second] = CHAT_GOLDENS.map((golden) => goldenQuestion(golden).question) as [string, string];
      const system = { role: "system", content: "Be brief." };
      let turns: Turn[] = [system];
      for (const [i, question] of [first, second, "Go on.", "Once more.", first].entries()) {
        const { tokens, text, promptTokens, reused } = output.talk[i]!;
        if (i === 4) turns = [system];
        turns.push({ role: "user", content: question });
        const ids = Array.from(format.encode(turns));
        const want = await node.generate(ids, { maxTokens: 12 }).result();
        expect(promptTokens).toBe(ids.length);
        if (i === 2) expect(want.tokens.slice(0, 3)).toEqual(tokens);
        else expect({ tokens, text }).toEqual({ tokens: want.tokens, text: want.text });
        expect(reused[0] > 0).toBe(i > 0);
        expect(reused[1]).toBe(0);
        turns.push({ role: "assistant", content: text });
      }
    });

    it("ends before a stop text, tells what is wrong, and the model's own options", () => {
      expect(output.stop).toMatchObject({ text: "The ", finish: "stop", stopText: "capital" });
      expect(output.errors).toEqual([
        expect.stringContaining("an answer of this chat is under way"),
        expect.stringContaining("an answer of this chat is under way"),
        expect.stringContaining("system: is empty"),
        expect.stringContaining("message: is empty"),
      ]);
      expect(output.defaults).toMatchObject({ maxTokens: 1024, ignoreEos: false, stop: [], speculation: "off" });
    });
  });
}

describeShared("the chat model on components", GOLDENS, () => {
  if (existsSync(COMPONENT)) goldens("Node (jco)", process.execPath, []);
  else describeTool("component on Node (jco)", COMPONENT, HINT, () => {});
  const deno = denoBinary();
  if (existsSync(COMPONENT) && deno !== undefined)
    goldens("Deno (jco)", deno, ["run", "--no-prompt", "--allow-read", "--allow-env=JCO_DEBUG"]);
  else describeTool("component on Deno (jco)", "", `${HINT}, and npm ci in test/runtime`, () => {});
});
