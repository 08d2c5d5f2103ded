import { expect, it } from "vitest";
import { createChat } from "../../../src/chat/chat.ts";
import { tinyChatModel, tinyChatPacked } from "../../helpers/tiny-chat.ts";
import { describeInstalled } from "../installed.ts";
import { chromiumBinary } from "./chromium.ts";
import { LibraryPage } from "./library-page.ts";

const GREEDY = { temperature: 0, maxTokens: 10, ignoreEos: true };
const TURNS = 8;

describeInstalled("chats in Chromium", "playwright-core or Chromium", chromiumBinary(), () => {
  const web = LibraryPage.inSuite();
  const generation = { do_sample: true, top_p: 0.9 };

  it("say in a worker, and in the page, what they say on Node, cut short and overflowing too", async () => {
    const packed = await tinyChatPacked({ generation });
    web.site.intercept = (_request, response, path) =>
      path === "/models/tiny" && (response.writeHead(200, { "content-length": packed.length }).end(packed), true);
    const here = await tinyChatModel({ generation });
    const chat = createChat(here, { system: "be kind", ...GREEDY });
    const expected: object[] = [];
    for (let i = 0; i < TURNS; i++) {
      if (i === 3) {
        for await (const { index } of chat.send("never mind")) if (index === 4) break;
      }
      const { tokens, usage, dropped } = await chat.send(`question ${i}`).result();
      expected.push({ tokens, usage, dropped });
    }
    const run = (kind: "loadModelInWorker" | "loadModel") =>
      web.page.evaluate(
        async ({ kind, GREEDY, TURNS }) => {
          const model = await blockffn[kind]("/models/tiny", { tier: "simd" });
          const chat = blockffn.createChat(model, { system: "be kind", ...GREEDY });
          const answers: object[] = [];
          for (let i = 0; i < TURNS; i++) {
            if (i === 3) {
              for await (const { index } of chat.send("never mind")) if (index === 4) break;
            }
            const { tokens, usage, dropped } = await chat.send(`question ${i}`).result();
            answers.push({ tokens: [...tokens], usage, dropped });
          }
          const messages = [{ role: "user", content: "hi" }];
          const once = await model.chat(messages, GREEDY).result();
          const failure = await model
            .chat([{ role: "user", content: "w".repeat(400) }], GREEDY)
            .result()
            .then(
              () => undefined,
              (error: unknown) => error,
            );
          const ids = await model.tokenizer!.encode("hi there");
          const text = {
            rendered: await model.renderChat(messages, { addGenerationPrompt: false }),
            counted: [await model.countTokens(messages), await model.countTokens("hi there"), await model.tokenizer!.count("hi there")],
            decoded: await model.tokenizer!.decode(ids),
            defaults: model.generationDefaults,
            template: model.hasChatTemplate,
          };
          const exported = chat.export();
          chat.dispose();
          model.dispose();
          return {
            answers,
            once: once.text,
            refused: { limit: failure instanceof blockffn.LimitError, field: (failure as { field?: string }).field },
            text,
            said: exported.messages.length,
          };
        },
        { kind, GREEDY, TURNS },
      );
    const messages = [{ role: "user", content: "hi" }];
    const once = await here.chat(messages, GREEDY).result();
    for (const kind of ["loadModelInWorker", "loadModel"] as const) {
      const seen = await run(kind);
      // An answer that is left early in a page may have come further in its worker: what is kept of it differs, the answers after it do not.
      expect(seen.answers.slice(0, 3)).toEqual(expected.slice(0, 3));
      if (kind === "loadModel") expect(seen.answers).toEqual(expected);
      expect(seen.answers).toHaveLength(TURNS);
      expect(seen).toMatchObject({
        once: once.text,
        refused: { limit: true, field: "messages" },
        text: {
          rendered: here.renderChat(messages, { addGenerationPrompt: false }),
          counted: [here.countTokens(messages), here.countTokens("hi there"), here.countTokens("hi there")],
          decoded: "hi there",
          defaults: here.generationDefaults,
          template: true,
        },
        said: chat.messages.length,
      });
    }
    here.dispose();
  });
});
