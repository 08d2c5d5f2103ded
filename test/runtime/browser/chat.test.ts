import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { describeInstalled } from "../installed.ts";
import { expectedTalk, talkModel } from "../talk.ts";
import { chromiumBinary } from "./chromium.ts";
import { LibraryPage } from "./library-page.ts";

describeInstalled("chats in Chromium", "playwright-core or Chromium", chromiumBinary(), () => {
  const web = LibraryPage.inSuite();

  it("say in the page what they say on Node, and in a worker as far as nothing is left early", async () => {
    const packed = await talkModel();
    const files: Readonly<Record<string, readonly [string, Uint8Array]>> = {
      "/models/tiny": ["application/octet-stream", packed],
      "/talk.mjs": ["text/javascript", readFileSync(join(import.meta.dirname, "../talk.mjs"))],
    };
    web.site.intercept = (_request, response, path) => {
      const [type, bytes] = files[path] ?? [];
      if (type === undefined || bytes === undefined) return false;
      response.writeHead(200, { "content-type": type, "content-length": bytes.length }).end(bytes);
      return true;
    };
    const expected = await expectedTalk();
    const run = (kind: "loadModelInWorker" | "loadModel") =>
      web.page.evaluate(
        async ({ kind, script }) => {
          // The page's own import, which the tests' transformer leaves alone.
          const load = new Function("path", "return import(path)") as (path: string) => Promise<{ talk: (...of: unknown[]) => unknown }>;
          const { talk } = await load(script);
          const model = await blockffn[kind]("/models/tiny", { tier: "simd" });
          const talked = (await talk(blockffn.createChat, model)) as Awaited<ReturnType<typeof expectedTalk>>;
          const messages = [{ role: "user", content: "w".repeat(400) }];
          const failure = await model
            .chat(messages)
            .result()
            .then(
              () => undefined,
              (error: unknown) => error,
            );
          const ids = await model.tokenizer!.encode("hi there");
          const text = {
            counted: [await model.countTokens("hi there"), await model.tokenizer!.count("hi there"), ids.length],
            decoded: await model.tokenizer!.decode(ids),
            template: model.hasChatTemplate,
          };
          model.dispose();
          return { talked, refused: [failure instanceof blockffn.LimitError, (failure as { field?: string }).field], text };
        },
        { kind, script: "/talk.mjs" },
      );
    const page = await run("loadModel");
    expect(page.talked).toEqual(expected);
    const worker = await run("loadModelInWorker");
    // What is left early in a page may have come further in its worker: what is kept of it, and said after it, then differs.
    expect(worker.talked.answers.slice(0, 3)).toEqual(expected.answers.slice(0, 3));
    expect(worker.talked.answers).toHaveLength(expected.answers.length);
    expect(worker.talked.told).toEqual(expected.told);
    for (const { refused, text } of [page, worker]) {
      expect(refused).toEqual([true, "messages"]);
      expect(text).toEqual({ counted: [text.counted[2], text.counted[2], text.counted[2]], decoded: "hi there", template: true });
    }
  });
});
