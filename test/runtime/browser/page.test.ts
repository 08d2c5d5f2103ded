import { availableParallelism } from "node:os";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { describeInstalled } from "../installed.ts";
import { PROMPTS } from "../prompts.ts";
import { chromiumBinary, launchChromium, type Page } from "./chromium.ts";
import { Site } from "./site.ts";

describeInstalled("The example page in Chromium", "playwright-core or Chromium", chromiumBinary(), () => {
  let browser: Awaited<ReturnType<typeof launchChromium>>;
  let site: Site;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    browser = await launchChromium();
    site = await Site.start();
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await site?.stop();
  });
  beforeEach(async () => {
    await page?.close();
    page = await browser.context.newPage();
    complaints = [];
    site.intercept = () => false;
    page.on("pageerror", (error) => complaints.push(String(error.stack)));
  });

  const open = async (query = ""): Promise<void> => {
    await page.goto(`${site.origin}/examples/browser/${query}`);
    await page.waitForFunction(() => !(document.getElementById("go") as HTMLButtonElement).disabled, undefined);
  };
  const finished = () =>
    page.waitForFunction(
      () => document.getElementById("go")?.textContent === "Generate" && document.getElementById("status")?.textContent !== "",
      undefined,
    );
  /** Pixels of a picture, after the next frame. */
  const picture = (id: string) =>
    page.evaluate(async (id) => {
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      return (document.getElementById(id) as HTMLCanvasElement).toDataURL();
    }, id);
  const text = (selector: string) => page.textContent(selector).then((found) => found ?? "");

  it("writes a story while its experts light up, and compares sparse with dense", async () => {
    await open();
    const { prompt, text: story } = PROMPTS[0]!;
    await page.fill("#prompt", prompt);
    await page.selectOption("#length", "50");
    const seen = [{ text: await text("#text"), lights: await picture("lights"), tape: await picture("tape") }];
    await page.click("#go");
    for (let i = 0; i < 3; i++) {
      const shown = seen.at(-1)?.text.length ?? 0;
      await page.waitForFunction((shown) => Math.abs((document.getElementById("text")?.textContent ?? "").length - shown) > 10, shown);
      seen.push({ text: await text("#text"), lights: await picture("lights"), tape: await picture("tape") });
    }
    await finished();
    for (const part of ["text", "lights", "tape"] as const) expect(new Set(seen.map((state) => state[part])).size, part).toBe(seen.length);
    expect((await text("#text")).startsWith(prompt + story)).toBe(true);
    expect(await text("#used")).toMatch(/^\d+ of 384$/);
    for (const id of ["#tls", "#cls"]) expect(Number.parseFloat(await text(id))).toBeGreaterThan(50);
    expect(Number((await text("#speed")).replace(",", ""))).toBeGreaterThan(10);

    const sparse = await text("#text");
    await page.check("input[value=dense]");
    await page.check("input[name=pace][value='0']");
    await page.click("#go");
    await finished();
    expect(await text("#text")).toBe(sparse);
    for (const speculate of ["ngram", "eagle"]) {
      await page.check(`input[value=${speculate}]`);
      await page.click("#go");
      await finished();
      expect(await text("#text")).toBe(sparse);
      expect(await text("#status")).toMatch(/Each step confirmed/);
    }
    expect(
      await page.evaluate(
        () => [...document.querySelectorAll("#runs-list .name span:first-child")].map((name) => name.textContent).sort(),
        undefined,
      ),
    ).toEqual(["Dense", "Dense + draft head", "Dense + look-up", "Sparse"]);
    expect(complaints).toEqual([]);
  });

  it("shows its threads, and runs on as many as are chosen", async () => {
    await open();
    expect(await text("#model")).toContain("1 thread:");
    const stories: string[] = [];
    for (const threads of [2, 1]) {
      if (threads > availableParallelism()) continue;
      await page.check(`input[name=threads][value='${threads}']`);
      await page.waitForFunction(
        (threads) =>
          document.getElementById("model")?.textContent?.includes(`${threads} thread`) &&
          !(document.getElementById("go") as HTMLButtonElement).disabled,
        threads,
      );
      await page.check("input[name=pace][value='0']");
      await page.click("#go");
      await finished();
      stories.push(await text("#text"));
    }
    expect(new Set(stories).size).toBe(1);
    if (availableParallelism() > 1) expect(await text("#runs-list")).toMatch(/Sparse, 2 threads/);
    expect(complaints).toEqual([]);
  });

  it("has no thread switch where the page is not isolated", async () => {
    site.intercept = (request, response) => {
      // A 304 would leave the headers that the browser knows.
      delete request.headers["if-none-match"];
      const write = response.writeHead.bind(response) as (status: number, headers?: Record<string, string>) => typeof response;
      response.writeHead = ((status: number, headers: Record<string, string> = {}) =>
        write(
          status,
          Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith("Cross-Origin"))),
        )) as typeof response.writeHead;
      return false;
    };
    await open();
    expect(await text("#model")).toContain("1 thread:");
    expect(await page.evaluate(() => [crossOriginIsolated, document.getElementById("threads")?.hidden], undefined)).toEqual([false, true]);
    expect(complaints).toEqual([]);
  });

  it("is used by keyboard alone: starts, stops, and looks at single tokens", async () => {
    await open();
    await page.focus("#prompt");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelectorAll("#text span").length > 5, undefined);
    await page.focus("#go");
    await page.keyboard.press("Enter");
    await finished();
    expect(await text("#status")).toMatch(/Stopped|a second/);
    const last = await picture("lights");
    await page.focus("#scrub");
    await page.keyboard.press("Home");
    expect(await picture("lights")).not.toBe(last);
    expect(await text("#token")).toMatch(/^1 of \d+/);
    expect(await page.evaluate(() => document.querySelectorAll("#text .now").length, undefined)).toBe(1);
    expect(complaints).toEqual([]);
  });

  it("says what went wrong, and tries again", async () => {
    const model = "/models/blockffn-nano.q8.safetensors?again";
    site.intercept = (_request, response, path) => path === model && (response.writeHead(404).end(), true);
    await page.goto(`${site.origin}/examples/browser/?model=${encodeURIComponent(model)}`);
    await page.waitForFunction(() => document.getElementById("error")?.hidden === false, undefined);
    expect(await text("#error-text")).toMatch(/there is no such file; check the URL/);
    site.intercept = () => false;
    await page.click("#retry");
    await page.waitForFunction(() => !(document.getElementById("go") as HTMLButtonElement).disabled, undefined);
    await page.fill("#prompt", "word ".repeat(3000));
    await page.click("#go");
    await page.waitForFunction(() => document.getElementById("error")?.hidden === false, undefined);
    expect(await text("#error-text")).toMatch(/prompt: has \d+ tokens/);
    expect(await text("#go")).toBe("Generate");
  });

  it.each([
    [390, 844, "light"],
    [390, 844, "dark"],
    [1280, 800, "light"],
    [1280, 800, "dark"],
  ] as const)("fits %d x %d, %s", async (width, height, colorScheme) => {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await open();
    await page.check("input[name=pace][value='0']");
    await page.click("#go");
    await finished();
    expect(await page.evaluate(() => document.documentElement.scrollWidth, undefined)).toBe(width);
    // Kept where somebody asks for them, to be looked at.
    const folder = process.env["BLOCKFFN_SCREENSHOTS"];
    const shot = await page.screenshot({
      fullPage: true,
      ...(folder !== undefined && { path: `${folder}/page-${width}-${colorScheme}.png` }),
    });
    expect(shot.length).toBeGreaterThan(20_000);
  });
});
