import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { SourceError } from "../../src/errors.ts";
import { checkUnchanged, download } from "../../host/web/download.ts";

const FILE = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) & 255);
const HALF = 100_000;

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A server whose first answer breaks after HALF bytes; `rest` gives the others. @returns the file's URL, and what ranges were asked for */
async function broken(
  rest: (response: ServerResponse, start: number, request: IncomingMessage) => void,
  headers: Record<string, string> = { ETag: '"1"' },
): Promise<{ url: string; ranges: string[] }> {
  const ranges: string[] = [];
  server = createServer((request, response) => {
    const range = request.headers.range;
    if (range === undefined) {
      response.writeHead(200, { ...headers, "Content-Length": FILE.length }).write(FILE.subarray(0, HALF), () => response.destroy());
      return;
    }
    ranges.push(range);
    rest(response, Number(/^bytes=(\d+)-$/.exec(range)?.[1]), request);
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server?.address() as AddressInfo).port}/m`, ranges };
}

const part = (
  response: ServerResponse,
  start: number,
  contentRange = `bytes ${start}-${FILE.length - 1}/${FILE.length}`,
  etag = '"1"',
): void => void response.writeHead(206, { ETag: etag, "Content-Range": contentRange }).end(FILE.subarray(start));

const read = async (url: string): Promise<Uint8Array> => new Uint8Array(await new Response((await download(url)).stream).arrayBuffer());

describe("download", () => {
  it("goes on where a connection broke", async () => {
    const { url, ranges } = await broken((response, start) => part(response, start));
    expect(await read(url)).toEqual(FILE);
    expect(ranges).toEqual([`bytes=${HALF}-`]);
  });

  it.each<[string, (response: ServerResponse, start: number) => void, RegExp]>([
    [
      "a server without ranges",
      (response) => void response.writeHead(200, { ETag: '"1"' }).end(FILE),
      /the connection broke at byte 100000 of 300000, and the server does not send parts/,
    ],
    ["another version", (response, start) => part(response, start, undefined, '"2"'), /was replaced on the server/],
    [
      "another part than was asked for",
      (response, start) => part(response, start, `bytes ${start + 1}-${FILE.length - 1}/${FILE.length}`),
      /was replaced on the server/,
    ],
    [
      "a file of another size",
      (response, start) => part(response, start, `bytes ${start}-${FILE.length}/${FILE.length + 1}`),
      /was replaced on the server/,
    ],
    ["no file any more", (response) => void response.writeHead(404).end(), /there is no such file/],
  ])("does not put parts together with %s", async (_, rest, message) => {
    const { url } = await broken(rest);
    const failure = await read(url).catch((error: unknown) => error);
    const known = failure instanceof SourceError ? failure : (failure as { cause?: unknown }).cause;
    expect(known ?? failure).toBeInstanceOf(SourceError);
    expect(String(known ?? failure)).toMatch(message);
  });

  it("lets go of the connection when nobody reads any more, also while it is taken up again", async () => {
    let closed = 0;
    const { url, ranges } = await broken((response, start) => {
      response.on("close", () => closed++);
      response
        .writeHead(206, { ETag: '"1"', "Content-Range": `bytes ${start}-${FILE.length - 1}/${FILE.length}` })
        .write(FILE.subarray(start, start + 10));
    });
    const reader = (await download(url)).stream.getReader();
    for (let at = 0; at < HALF;) at += (await reader.read()).value?.length ?? HALF;
    const next = reader.read();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await reader.cancel();
    expect((await next).done).toBe(true);
    await expect.poll(() => [ranges.length, closed]).toEqual([1, 1]);
  });
});

describe("checkUnchanged", () => {
  const asked = async (headers: Record<string, string>, status = 200): Promise<string> => {
    server = createServer((_, response) => void response.writeHead(status, headers).end());
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server?.address() as AddressInfo).port}/m`;
  };
  const fetched = { etag: '"1"', modified: "Sat, 28 Nov 2026 10:00:00 GMT", length: "5" };

  it.each([
    [{ ETag: '"2"' }, fetched],
    [{ "Last-Modified": "Sat, 28 Nov 2026 11:00:00 GMT" }, { ...fetched, etag: null }],
  ])("another version %j is a typed error", async (headers, before) => {
    await expect(checkUnchanged(await asked(headers), before)).rejects.toMatchObject({
      name: SourceError.name,
      message: expect.stringMatching(/replaced/) as string,
    });
  });

  it("the same version, a server that does not say, and one that does not answer, count as unchanged", async () => {
    await checkUnchanged(await asked({ ETag: '"1"', "Last-Modified": "Sat, 28 Nov 2026 11:00:00 GMT" }), fetched);
    await checkUnchanged(await asked({}), fetched);
    await checkUnchanged(await asked({ ETag: '"2"' }, 405), fetched);
    await checkUnchanged("http://127.0.0.1:1/m", fetched);
  });
});
