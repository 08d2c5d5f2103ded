import { createReadStream, statSync } from "node:fs";
import { expect, it } from "vitest";
import { chatModelFile } from "../../helpers/chat-model.ts";
import { describeShared } from "../../helpers/shared.ts";
import { CHAT_GOLDENS, CHAT_WANTED, GOLDEN_TOKENS, GOLDENS } from "../chat-goldens.ts";
import { describeInstalled } from "../installed.ts";
import { chromiumBinary } from "./chromium.ts";
import { LibraryPage } from "./library-page.ts";

const PATH = "/chat.q4-all.safetensors";

describeShared("the chat model's golden answers in a browser", GOLDENS, () =>
  describeInstalled("Chromium", "playwright-core or Chromium", chromiumBinary(), () => {
    const web = LibraryPage.inSuite();

    it("q4-all", async () => {
      const file = await chatModelFile();
      web.site.intercept = (request, response, path) => {
        if (path !== PATH) return false;
        response.writeHead(200, { "Content-Length": statSync(file).size, ETag: '"chat"' });
        if (request.method === "HEAD") response.end();
        else createReadStream(file).pipe(response);
        return true;
      };
      const said = await web.page.evaluate(
        async ({ PATH, prompts, maxTokens }) => {
          const model = await blockffn.loadModelInWorker(PATH, { tier: "simd" });
          const results = [];
          for (const prompt of prompts) {
            const { tokens, text } = await model.generate(prompt, { maxTokens }).result();
            results.push({ ids: [...(await model.encode(prompt))], tokens: [...tokens], text });
          }
          model.dispose();
          return results;
        },
        { PATH, prompts: CHAT_GOLDENS.map(({ prompt }) => prompt), maxTokens: GOLDEN_TOKENS },
      );
      expect(said).toEqual(CHAT_WANTED);
    });
  }),
);
