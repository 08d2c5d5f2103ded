import { describe, expect, it } from "vitest";
import { Blocks } from "../../src/server/blocks.ts";
import { Bodies } from "../../src/server/body.ts";
import { ApiError } from "../../src/server/errors.ts";
import { settle, testServer, type ErrorBody } from "../helpers/server.ts";

/** A request whose body comes as it is told to. */
function trickle(): { readonly request: Request; send(bytes: number): void; end(): void; readonly cancelled: () => boolean } {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({ start: (given) => void (controller = given), cancel: () => void (cancelled = true) });
  const request = new Request("http://test/v1/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    duplex: "half",
  } as RequestInit);
  return {
    request,
    send: (bytes) => controller.enqueue(new Uint8Array(bytes).fill(32)),
    end: () => controller.close(),
    cancelled: () => cancelled,
  };
}

const limits = { bodyBytes: 1000, bodiesBytes: 2500, bodyMs: 60_000 };
const status = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 200,
    (error: unknown) => (error instanceof ApiError ? error.status : error),
  );

describe("blocks", () => {
  it.each([[[]], [[1]], [[4096]], [[4097]], [[4096, 65_536, 1]], [[100_000, 3, 0, 200_000]], [Array.from({ length: 5000 }, () => 1)]])(
    "hold pieces of %j bytes",
    (sizes) => {
      const blocks = new Blocks();
      const all = sizes.flatMap((size, n) => Array.from({ length: size }, (_, i) => (i * 31 + n) % 251));
      let at = 0;
      for (const size of sizes) blocks.push(Uint8Array.from(all.slice(at, (at += size))));
      expect(blocks.size).toBe(all.length);
      expect(Buffer.from(all).equals(blocks.joined())).toBe(true);
    },
  );
});

describe("bodies", () => {
  it("together hold no more than they may: the oldest unfinished one is given up, and the newest is read", async () => {
    const bodies = new Bodies(limits);
    const clients = [trickle(), trickle(), trickle(), trickle()];
    const answers = clients.map(({ request }) => status(bodies.readJson(request)));
    for (const client of clients) {
      client.send(900);
      await settle(2);
    }
    expect(bodies.size).toBe(1800);
    expect(await Promise.all(answers.slice(0, 2))).toEqual([503, 503]);
    expect(clients.map(({ cancelled }) => cancelled())).toEqual([true, true, false, false]);
    for (const client of clients.slice(2)) client.end();
    // Spaces alone are no JSON; they were read to their end.
    expect(await Promise.all(answers.slice(2))).toEqual([400, 400]);
    expect(bodies.size).toBe(0);
  });

  it("of one byte each time are read as others are", async () => {
    const bodies = new Bodies(limits);
    const client = trickle();
    const answer = bodies.readJson(client.request);
    // Whatever spaces stand before it.
    for (let i = 0; i < 998; i++) client.send(1);
    await settle(2);
    expect(bodies.size).toBe(998);
    const rest = trickle();
    const too = status(bodies.readJson(rest.request));
    for (let i = 0; i < 1001; i++) rest.send(1);
    expect(await too).toBe(413);
    expect(rest.cancelled()).toBe(true);
    client.end();
    expect(await status(answer)).toBe(400);
    expect(bodies.size).toBe(0);
  });

  it("that do not come to their end are answered 408 in the end", async () => {
    const bodies = new Bodies({ ...limits, bodyMs: 20 });
    const client = trickle();
    const answer = status(bodies.readJson(client.request));
    client.send(10);
    expect(await answer).toBe(408);
    expect([client.cancelled(), bodies.size]).toEqual([true, 0]);
  });

  it("of clients that went away are forgotten", async () => {
    const bodies = new Bodies(limits);
    const client = new AbortController();
    const { request, send } = trickle();
    const answer = status(bodies.readJson(new Request(request, { signal: client.signal })));
    send(100);
    await settle(2);
    client.abort();
    expect(await answer).toBe(400);
    expect(bodies.size).toBe(0);
  });

  it("are limited by the server's options, and told in the API's shape", async () => {
    const server = testServer({ limits: { bodyBytes: 1000, bodiesBytes: 1000, bodyMs: 60_000 } });
    const [slow, next] = [trickle(), trickle()];
    const first = server.fetch(slow.request);
    slow.send(900);
    await settle(2);
    const second = server.fetch(next.request);
    next.send(900);
    const given = await first;
    expect([given.status, given.headers.has("retry-after"), ((await given.json()) as ErrorBody).error.code]).toEqual([
      503,
      true,
      "too_many_bodies",
    ]);
    next.end();
    expect((await second).status).toBe(400);
    for (const limit of [{ bodiesBytes: 999 }, { bodyMs: 0 }])
      expect(() => testServer({ limits: { bodyBytes: 1000, ...limit } })).toThrow(/must be a whole number/);
  });
});
