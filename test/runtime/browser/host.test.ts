import { expect, it } from "vitest";
import { describeInstalled } from "../installed.ts";
import { MAX_TOKENS, PROMPTS } from "../prompts.ts";
import { readmeExample } from "../readme.ts";
import { chromiumBinary } from "./chromium.ts";
import { LibraryPage, MODEL } from "./library-page.ts";

describeInstalled("blockffn/browser in Chromium", "playwright-core or Chromium", chromiumBinary(), () => {
  const web = LibraryPage.inSuite();

  it("gives the token ids of the ten prompts, in a worker and in the page", async () => {
    const run = (kind: "loadModelInWorker" | "loadModel") =>
      web.page.evaluate(
        async ({ MODEL, kind, prompts, MAX_TOKENS }) => {
          const model = await blockffn[kind](MODEL, { tier: "simd" });
          const results = await Promise.all(prompts.map((prompt) => model.generate(prompt, { maxTokens: MAX_TOKENS }).result()));
          model.dispose();
          return results.map(({ text, tokens }) => ({ text, tokens: [...tokens] }));
        },
        { MODEL, kind, prompts: PROMPTS.map(({ prompt }) => prompt), MAX_TOKENS },
      );
    const expected = PROMPTS.map(({ text, tokens }) => ({ text, tokens }));
    expect(await run("loadModelInWorker")).toEqual(expected);
    expect(await run("loadModel")).toEqual(expected);
  });

  it("streams pieces with experts, takes options, is cancelled, and keeps its errors", async () => {
    const seen = await web.page.evaluate(
      async ({ MODEL }) => {
        const { loadModelInWorker, UsageError, LimitError } = blockffn;
        const model = await loadModelInWorker(MODEL);
        const words: number[] = [];
        for await (const { experts } of model.generate("Tom", { maxTokens: 4, experts: true, temperature: 1, seed: 3 }))
          words.push(experts?.length ?? 0);
        const early = model.generate("Once", { maxTokens: 400, ignoreEos: true });
        let taken = 0;
        for await (const _piece of early) if (++taken === 3) break;
        const controller = new AbortController();
        const aborted = model.generate("Once", { maxTokens: 400, ignoreEos: true, signal: controller.signal });
        setTimeout(() => controller.abort(), 5);
        const failure = (work: Promise<unknown>) =>
          work.then(
            () => undefined,
            (error: unknown) => error,
          );
        const wrong = await failure(model.generate("Tom", { topP: 2 }).result());
        const long = await failure(model.generate("word ".repeat(2000)).result());
        const foreign = await failure(model.generate("Tom", { stop: (() => 0) as unknown as string }).result());
        const ends = [(await early.result()).finishReason, (await aborted.result()).finishReason];
        model.ffn = "dense";
        const dense = await model.generate("Tom", { maxTokens: 8 }).result();
        const encoded = [...(await model.encode("Tom"))];
        const running = failure(model.generate("Tom").result());
        model.dispose();
        const fields = (error: unknown) => ({
          usage: error instanceof UsageError,
          limit: error instanceof LimitError,
          field: (error as { field?: string }).field,
        });
        return {
          words,
          ends,
          wrong: fields(wrong),
          long: fields(long),
          foreign: fields(foreign),
          dense: dense.text,
          encoded,
          disposed: fields(await running),
        };
      },
      { MODEL },
    );
    expect(seen).toMatchObject({
      words: [16, 16, 16, 16],
      ends: ["aborted", "aborted"],
      wrong: { usage: true, field: "topP" },
      long: { limit: true, field: "prompt" },
      foreign: { usage: true },
      disposed: { usage: true },
    });
    expect(seen.encoded[0]).toBe(1);
    expect(seen.dense).toBe((await web.story()).text);
  });

  it("names what is wrong with a location", async () => {
    for (const [location, name, message] of [
      ["/models/none", "SourceError", /none: there is no such file.*models have names on Node and Deno alone/],
      ["hf:owner/model", "SourceError", /names and hf: need Node or Deno/],
      ["/dist/browser/blockffn.js", "FormatError", /blockffn\.js/],
      ["ftp://x/y", "SourceError", /http/],
      ["/models/blockffn-nano.q8.safetensors?gone", "SourceError", /410/],
    ] as const) {
      web.site.intercept = (_request, response, path) => path.endsWith("?gone") && (response.writeHead(410).end(), true);
      const { error } = await web.story({}, location);
      expect(error?.name).toBe(name);
      expect(error?.message).toMatch(message);
    }
  });

  it("runs the README's page", async () => {
    const page = readmeExample("### Browser", "html");
    web.site.intercept = (_request, response, path) =>
      path === "/readme.html" && (response.writeHead(200, { "content-type": "text/html" }).end(page), true);
    await web.page.goto(`${web.site.origin}/readme.html`);
    await web.page.waitForFunction((start) => (document.body?.textContent ?? "").includes(start), PROMPTS[0]?.text ?? "");
  });
});
