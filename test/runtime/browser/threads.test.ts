import { expect, it } from "vitest";
import { describeInstalled } from "../installed.ts";
import { MAX_TOKENS, PROMPTS } from "../prompts.ts";
import { chromiumBinary, workerThreads } from "./chromium.ts";
import { LibraryPage, MODEL } from "./library-page.ts";

const prompts = PROMPTS.map(({ prompt }) => prompt);
const expected = PROMPTS.map(({ tokens }) => [...tokens]);

describeInstalled("Threads in Chromium", "playwright-core or Chromium", chromiumBinary(), () => {
  const web = LibraryPage.inSuite("/isolated");

  /** Ten prompts on a model in a worker: its threads, and token ids. */
  const answers = (options: object) =>
    web.page.evaluate(
      async ({ MODEL, prompts, MAX_TOKENS, options }) => {
        const model = await blockffn.loadModelInWorker(MODEL, { tier: "simd", ...options });
        const tokens: number[][] = [];
        for (const prompt of prompts) tokens.push([...(await model.generate(prompt, { maxTokens: MAX_TOKENS }).result()).tokens]);
        const { threads } = model;
        model.dispose();
        return { threads, tokens };
      },
      { MODEL, prompts, MAX_TOKENS, options },
    );
  const refusal = (kind: "loadModelInWorker" | "loadModel") =>
    web.page.evaluate(
      ({ MODEL, kind }) =>
        blockffn[kind](MODEL, { threads: 2 }).then(
          () => undefined,
          ({ name, message }: Error) => ({ name, message }),
        ),
      { MODEL, kind },
    );

  it("gives the token ids of the ten prompts on two threads", async () => {
    expect(await answers({ threads: 2 })).toEqual({ threads: 2, tokens: expected });
  });

  it("gives them when every call is shared, in a page's own worker, and ends its threads", async () => {
    const before = workerThreads(web.profile);
    const script = `
      import { loadModel } from "${web.site.origin}/dist/browser/blockffn.js";
      onmessage = async ({ data: { model: url, prompts, maxTokens } }) => {
        const model = await loadModel(url, { tier: "simd", threads: 3 });
        const { team } = model.loaded.engine;
        team.always = true;
        const tokens = [];
        for (const prompt of prompts) tokens.push([...(await model.generate(prompt, { maxTokens }).result()).tokens]);
        const calls = new Int32Array(model.loaded.engine.memory.buffer, model.loaded.engine.exports.team());
        model.dispose();
        postMessage({ threads: model.threads, tokens, jobs: Math.max(...calls.subarray(0, 64)) });
      };`;
    const seen = await web.page.evaluate(
      async ({ script, ...data }) => {
        const worker = new Worker(URL.createObjectURL(new Blob([script], { type: "text/javascript" })), { type: "module" });
        Object.assign(globalThis, { worker });
        return new Promise<{ threads: number; tokens: number[][]; jobs: number }>((resolve, reject) => {
          worker.onmessage = ({ data }) => resolve(data as never);
          worker.onerror = (event) => reject(new Error(event.message));
          worker.postMessage(data);
        });
      },
      { script, model: web.site.origin + MODEL, prompts, maxTokens: MAX_TOKENS },
    );
    expect(seen).toMatchObject({ threads: 3, tokens: expected });
    // Each token is a call that all three took part in.
    expect(seen.jobs).toBeGreaterThan(400);
    // The worker lives on, its threads do not.
    await expect.poll(() => workerThreads(web.profile), { timeout: 5000 }).toBe(before + 1);
  });

  it.each(["loaded", "generating", "loading"] as const)("dispose ends a model's threads with it, while it is %s", async (when) => {
    const before = workerThreads(web.profile);
    await web.page.evaluate(
      async ({ MODEL, when }) => {
        const controller = new AbortController();
        const loading = blockffn.loadModelInWorker(MODEL, {
          threads: 3,
          signal: controller.signal,
          onProgress: () => when === "loading" && controller.abort(),
        });
        if (when === "loading") return void (await loading.catch(() => undefined));
        const model = await loading;
        const failed =
          when === "generating"
            ? model
                .generate("Once", { maxTokens: 1000, ignoreEos: true })
                .result()
                .catch(() => undefined)
            : undefined;
        await new Promise((resolve) => setTimeout(resolve, 100));
        model.dispose();
        await failed;
      },
      { MODEL, when },
    );
    await expect.poll(() => workerThreads(web.profile), { timeout: 5000 }).toBe(before);
  });

  it("says what is wrong when the script of a thread is not served", async () => {
    web.site.intercept = (_request, response, path) => path.endsWith("/thread.js") && (response.writeHead(404).end(), true);
    expect(await refusal("loadModelInWorker")).toMatchObject({
      name: "ThreadError",
      message: expect.stringMatching(/threads: 2 threads could not be started .*serve thread\.js/) as string,
    });
    expect(await answers({})).toEqual({ threads: 1, tokens: expected });
  });

  it("is one thread by default for a small model, on pages that are not isolated, and in the page's own thread", async () => {
    expect((await answers({})).threads).toBe(1);
    expect(await refusal("loadModel")).toMatchObject({
      name: "UsageError",
      message: expect.stringContaining("use loadModelInWorker") as string,
    });
    await web.open("/test");
    expect(await web.page.evaluate(() => crossOriginIsolated, undefined)).toBe(false);
    expect(await answers({})).toEqual({ threads: 1, tokens: expected });
    for (const kind of ["loadModelInWorker", "loadModel"] as const) {
      expect(await refusal(kind)).toMatchObject({
        name: "UsageError",
        message: expect.stringMatching(
          /^threads: .*Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp/,
        ) as string,
      });
    }
  });
});
