import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { ChatServer, KEY, SEED } from "./chat-server.ts";

const python = join(import.meta.dirname, "installed/bin/python");
const there = existsSync(python);
if (!there) console.log("skipped: OpenAI's client for Python (run test/runtime/server/install.sh)");

describe.skipIf(!there)("OpenAI's client for Python", () => {
  const server = ChatServer.inSuite();

  it("chats, whole and streaming, as the model's makers want it where it says nothing", async () => {
    const messages = [
      { role: "system", content: "be kind" },
      { role: "user", content: "hi" },
    ];
    const body = JSON.stringify({ model: "tiny", messages, seed: SEED });
    const { stdout } = await promisify(execFile)(python, [join(import.meta.dirname, "openai_chat.py"), server.baseURL, KEY, body]);
    const seen = JSON.parse(stdout) as { readonly pieces: number };
    const { text, usage, message } = await server.said(messages);
    const counted = { prompt_tokens: usage.promptTokens, completion_tokens: usage.completionTokens, total_tokens: usage.totalTokens };
    const again = await server.said([...messages, message, { role: "user", content: "and then" }]);
    expect(seen).toMatchObject({ whole: text, streamed: text, finish: ["length", "length"], usage: [counted, counted], again: again.text });
    expect(seen.pieces).toBeGreaterThan(2);
  });
});
