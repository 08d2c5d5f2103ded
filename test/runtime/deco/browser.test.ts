import { createReadStream, statSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import { describeShared } from "../../helpers/shared.ts";
import { temporaryFolder } from "../../helpers/tiny-folder.ts";
import { chromiumBinary } from "../browser/chromium.ts";
import { LibraryPage } from "../browser/library-page.ts";
import { describeInstalled } from "../installed.ts";
import { DECO, decoModels, runDeco, type DecoAnswer, type DecoModel } from "./golden.ts";

describeInstalled("DECO in Chromium", "playwright-core or Chromium", chromiumBinary(), () => {
  describeShared("golden DECO models", DECO, () => {
    const web = LibraryPage.inSuite();
    let models: DecoModel[] = [];
    beforeAll(async () => {
      models = await decoModels(temporaryFolder());
    });
    const serveModels = (): void => {
      web.site.intercept = (_request, response, path) => {
        const model = models.find(({ name }) => path === `/${name}`);
        if (model === undefined) return false;
        response.writeHead(200, { "content-type": "application/octet-stream", "content-length": statSync(model.file).size });
        createReadStream(model.file).pipe(response);
        return true;
      };
    };

    it.each(["simd", "relaxed"])("gives the authors' numbers in the page, %s", async (tier) => {
      serveModels();
      for (const { name, work, check } of models) {
        const answers = (await web.page.evaluate(
          `(${runDeco.toString()})((options) => blockffn.loadModel("/${name}", { ...options, tier: "${tier}" }), ${JSON.stringify(work)})`,
        )) as DecoAnswer[];
        expect(new Set(answers.map((answer) => answer.tier))).toEqual(new Set([tier]));
        check(answers);
      }
    });

    it("gives the authors' greedy tokens in a worker", async () => {
      serveModels();
      for (const { name, work, greedy } of models) {
        const tokens = await web.page.evaluate(
          async ({ name, work }) => {
            const model = await blockffn.loadModelInWorker(`/${name}`);
            const result = await model.generate(work.prompt, { maxTokens: work.greedy, ignoreEos: true }).result();
            model.dispose();
            return [...result.tokens];
          },
          { name, work },
        );
        expect(tokens, name).toEqual(greedy);
      }
    });
  });
});
