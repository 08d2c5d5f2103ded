import { expect, it } from "vitest";
import { describeInstalled } from "../installed.ts";
import { chromiumBinary } from "./chromium.ts";
import { LibraryPage, MODEL } from "./library-page.ts";

describeInstalled("Models in Chromium: cache and network", "playwright-core or Chromium", chromiumBinary(), () => {
  const web = LibraryPage.inSuite();

  it("fetches once, with progress, and then takes the cached copy, also offline", async () => {
    await web.clear();
    const first = await web.story();
    expect(web.site.count("GET", MODEL)).toBe(1);
    const total = first.progress.at(-1)?.[1] as number;
    expect(first.progress.length).toBeGreaterThan(5);
    expect(first.progress.at(-1)).toEqual([total, total]);
    expect(await web.story()).toMatchObject({ text: first.text });
    // Asked once more behind the download, and once before the copy is taken: is it still the same?
    expect([web.site.count("GET", MODEL), web.site.count("HEAD", MODEL)]).toEqual([1, 2]);
    web.site.intercept = (_request, response, path) => path === MODEL && (response.destroy(), true);
    expect(await web.story()).toMatchObject({ text: first.text });
    expect((await web.cached()).map((size) => size > 1e6)).toEqual([true, false]);
    expect((await web.story({ cache: false })).error).toMatchObject({
      name: "SourceError",
      type: "SourceError",
      file: web.site.origin + MODEL,
    });
  });

  it("fetches again what the server has changed", async () => {
    await web.story();
    web.site.intercept = (request, response, path) =>
      path === MODEL && request.method === "HEAD" && (response.writeHead(200, { ETag: '"new"' }).end(), true);
    web.site.requests.length = 0;
    await web.story();
    expect(web.site.count("GET", MODEL)).toBe(1);
    expect(await web.cached()).toHaveLength(2);
  });

  it.each(["flipped", "cut", "without entry", "entry cut"])("does not use a cached copy that is %s", async (damage) => {
    const { text } = await web.story();
    const key = await web.page.evaluate(
      async ({ damage }) => {
        const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("blockffn-models");
        const names: string[] = [];
        for await (const name of (folder as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(name);
        const entry = names.find((name) => name.endsWith(".json")) as string;
        if (damage === "without entry") return folder.removeEntry(entry);
        const file = await folder.getFileHandle(damage === "entry cut" ? entry : (names.find((name) => name !== entry) as string));
        const writable = await file.createWritable({ keepExistingData: true });
        if (damage === "flipped") await writable.write({ type: "write", position: 5_000_000, data: Uint8Array.of(1, 2, 3, 4) });
        else await writable.truncate(Math.floor((await file.getFile()).size / 2));
        return writable.close();
      },
      { damage },
    );
    expect(key).toBeUndefined();
    web.site.requests.length = 0;
    expect((await web.story()).text).toBe(text);
    expect(web.site.count("GET", MODEL)).toBe(1);
    expect(await web.cached()).toHaveLength(2);
    expect((await web.story()).text).toBe(text);
    expect(web.site.count("GET", MODEL)).toBe(1);
  });

  it("goes on without a cache when the quota is full", async () => {
    await web.clear();
    const session = await web.context.newCDPSession(web.page);
    await session.send("Storage.overrideQuotaForOrigin", { origin: web.site.origin, quotaSize: 3_000_000 });
    const { text } = await web.story();
    await session.send("Storage.overrideQuotaForOrigin", { origin: web.site.origin });
    expect(text).toBeTruthy();
    expect(await web.cached()).toEqual([]);
  });

  it("takes up a connection that breaks, and keeps nothing of one that stays broken", async () => {
    await web.clear();
    const { text } = await web.story({ cache: false });
    let broken = 0;
    const breakAt = (times: number): void => {
      broken = 0;
      web.site.intercept = (request, response, path) => {
        if (path !== MODEL || request.method !== "GET" || broken >= times) return false;
        broken++;
        const write = response.write.bind(response);
        let sent = 0;
        response.write = ((chunk: Uint8Array) => {
          sent += chunk.length;
          if (sent > 3_000_000) response.destroy();
          return write(chunk);
        }) as typeof response.write;
        return false;
      };
    };
    breakAt(2);
    web.site.requests.length = 0;
    expect((await web.story()).text).toBe(text);
    const ranges = web.site.requests
      .filter(({ method, path }) => method === "GET" && path === MODEL)
      .map(({ range }) => range !== undefined);
    expect(ranges).toEqual([false, true, true]);
    expect(await web.cached()).toHaveLength(2);
    await web.clear();
    web.site.intercept = (request, response, path) => {
      if (path !== MODEL) return false;
      if (request.headers.range !== undefined) return (response.writeHead(503).end(), true);
      response.writeHead(200, { "Content-Length": "9728256" }).write(new Uint8Array(100_000), () => response.destroy());
      return true;
    };
    const failed = await web.story();
    expect(failed.error?.name).toMatch(/SourceError|FormatError/);
    expect(await web.cached()).toEqual([]);
  });

  it("reads a compressed answer, whose length says nothing", async () => {
    const { gzipSync } = await import("node:zlib");
    const { readFileSync } = await import("node:fs");
    const zipped = gzipSync(readFileSync(new URL(`../../..${MODEL}`, import.meta.url)), { level: 1 });
    web.site.intercept = (_request, response, path) =>
      path === MODEL && (response.writeHead(200, { "Content-Encoding": "gzip", "Content-Length": zipped.length }).end(zipped), true);
    await web.clear();
    expect((await web.story()).text).toBeTruthy();
    expect(await web.cached()).toHaveLength(2);
  });
});
