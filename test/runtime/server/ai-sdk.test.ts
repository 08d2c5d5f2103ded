import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { describeInstalled, installedPackage } from "../installed.ts";
import { RUNTIMES } from "../packages.ts";
import { ChatServer, KEY, SEED } from "./chat-server.ts";

// The part of the SDK's types that is used here: it is installed beside these tests only.
interface Answer {
  readonly text: string;
  readonly finishReason: string;
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number; readonly totalTokens: number };
}
interface Sdk {
  generateText(options: object): Promise<Answer>;
  streamText(options: object): { readonly textStream: AsyncIterable<string> } & { readonly [K in keyof Answer]: PromiseLike<Answer[K]> };
}
interface Provider {
  createOpenAICompatible(options: object): (model: string) => object;
}

const name = "@ai-sdk/openai-compatible";
describeInstalled(`the Vercel AI SDK, by ${name}`, `ai, ${name}`, installedPackage("ai") && installedPackage(name), () => {
  const server = ChatServer.inSuite();
  const load = async <T>(path: string): Promise<T> => (await import(pathToFileURL(join(RUNTIMES, "node_modules", path)).href)) as T;

  it("chats, whole and streaming, over several turns, and ends early", async () => {
    const { generateText, streamText } = await load<Sdk>("ai/dist/index.mjs");
    const { createOpenAICompatible } = await load<Provider>(`${name}/dist/index.mjs`);
    const provider = createOpenAICompatible({ name: "blockffn", baseURL: server.baseURL, apiKey: KEY, includeUsage: true });
    const options = { model: provider("tiny"), seed: SEED, maxRetries: 0 };
    const system = "be kind";
    const messages = [{ role: "user", content: "hi" }];
    const { text, usage, message } = await server.said([{ role: "system", content: system }, ...messages]);
    const told = { inputTokens: usage.promptTokens, outputTokens: usage.completionTokens, totalTokens: usage.totalTokens };

    const whole = await generateText({ ...options, system, messages });
    expect(whole).toMatchObject({ text, finishReason: "length", usage: told });

    const stream = streamText({ ...options, system, messages });
    const pieces: string[] = [];
    for await (const piece of stream.textStream) pieces.push(piece);
    expect(pieces.join("")).toBe(text);
    expect(pieces.length).toBeGreaterThan(2);
    expect(await stream.finishReason).toBe("length");
    expect(await stream.usage).toMatchObject(told);

    const next = [...messages, { role: "assistant", content: message.content }, { role: "user", content: "and then" }];
    expect((await generateText({ ...options, system, messages: next })).text).toBe(
      (await server.said([{ role: "system", content: system }, ...next])).text,
    );

    const controller = new AbortController();
    const cut = streamText({ ...options, messages, maxOutputTokens: 400, abortSignal: controller.signal, onError: () => undefined });
    for await (const _piece of cut.textStream) controller.abort();
    expect((await generateText({ ...options, system, messages })).text).toBe(text);
  });
});
