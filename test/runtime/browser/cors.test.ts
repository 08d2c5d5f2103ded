import { afterAll, beforeAll, expect, it } from "vitest";
import { listen, loadModel, type Model } from "../../../host/node/index.ts";
import type { Listening } from "../../../src/host.ts";
import { createServer } from "../../../src/server/index.ts";
import { describeInstalled } from "../installed.ts";
import { PROMPTS } from "../prompts.ts";
import { chromiumBinary, launchChromium, type Page } from "./chromium.ts";
import { Site } from "./site.ts";

/** What a page saw of an answer, or the name of the error that it got instead. */
interface Seen {
  readonly status?: number;
  readonly retryAfter?: string | null;
  readonly body?: string;
  readonly error?: string;
}

const KEY = "sk-page";

describeInstalled("a page of another port, in Chromium", "playwright-core or Chromium", chromiumBinary(), () => {
  let browser: Awaited<ReturnType<typeof launchChromium>>;
  let [site, otherSite]: (Site | undefined)[] = [];
  let model: Model;
  let server: Listening;
  let page: Page;

  beforeAll(async () => {
    [browser, site, otherSite, model] = await Promise.all([
      launchChromium(),
      Site.start(),
      Site.start(),
      loadModel(undefined, { tier: "simd" }),
    ]);
    const { fetch } = createServer(model, { apiKey: KEY, allowOrigin: [site.origin], limits: { concurrency: 1, queue: 0 } });
    server = await listen(fetch, { hostname: "127.0.0.1", port: 0 });
    page = await browser.context.newPage();
    await page.goto(`${site.origin}/test`);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await Promise.all([site?.stop(), otherSite?.stop(), server?.close()]);
    model?.dispose();
  });

  /** The page asks, as any script of it would; requests are sent at once. */
  const ask = (requests: readonly { readonly path: string; readonly body?: object; readonly key?: string }[]): Promise<Seen[]> =>
    page.evaluate(
      async ({ requests, port }) =>
        Promise.all(
          requests.map(async ({ path, body, key }) => {
            try {
              const headers = {
                ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
                ...(body === undefined ? {} : { "content-type": "application/json" }),
                "x-stainless-lang": "js",
              };
              const response = await fetch(`http://127.0.0.1:${port}${path}`, {
                headers,
                ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
              });
              return { status: response.status, retryAfter: response.headers.get("retry-after"), body: await response.text() };
            } catch (error) {
              return { error: (error as Error).name };
            }
          }),
        ),
      { requests, port: server.port },
    );
  const { prompt, text } = PROMPTS[0] as (typeof PROMPTS)[number];
  const body = { prompt, max_tokens: 48, temperature: 0 };

  it("reads models, an answer and a stream", async () => {
    const [models] = await ask([{ path: "/v1/models", key: KEY }]);
    expect(models).toMatchObject({ status: 200, body: expect.stringContaining("blockffn-nano") as string });
    const [whole] = await ask([{ path: "/v1/completions", body, key: KEY }]);
    expect(JSON.parse(whole?.body ?? "")).toMatchObject({ choices: [{ text }] });
    const [stream] = await ask([{ path: "/v1/completions", body: { ...body, stream: true }, key: KEY }]);
    const events = (stream?.body ?? "")
      .split("\n\n")
      .filter((event) => event.startsWith("data: {"))
      .map((event) => JSON.parse(event.slice(6)) as { choices: [{ text: string }] });
    expect(events.map(({ choices }) => choices[0].text).join("")).toBe(text);
  });

  it("reads errors, and when to try again", async () => {
    const [wrongKey, noKey, wrong, nowhere] = await ask([
      { path: "/v1/models", key: "no" },
      { path: "/v1/models" },
      { path: "/v1/completions", body: { ...body, n: 2 }, key: KEY },
      { path: "/nowhere", key: KEY },
    ]);
    expect([wrongKey?.status, noKey?.status, wrong?.status, nowhere?.status]).toEqual([401, 401, 400, 404]);
    expect(JSON.parse(wrong?.body ?? "")).toMatchObject({ error: { param: "n" } });
    const long = { ...body, max_tokens: 900, ignore_eos: true };
    const all = await ask(Array.from({ length: 4 }, () => ({ path: "/v1/completions", body: long, key: KEY })));
    const refused = all.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    for (const { retryAfter } of refused) expect(Number(retryAfter)).toBeGreaterThan(0);
  });

  it("of a site that is not named gets nothing", async () => {
    await page.goto(`${otherSite?.origin}/test`);
    expect(await ask([{ path: "/v1/models", key: KEY }, { path: "/v1/completions", body, key: KEY }, { path: "/healthz" }])).toEqual([
      { error: "TypeError" },
      { error: "TypeError" },
      { error: "TypeError" },
    ]);
    await page.goto(`${site?.origin}/test`);
    expect((await ask([{ path: "/healthz" }]))[0]?.status).toBe(200);
  });
});
