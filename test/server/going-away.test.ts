import { describe, expect, it } from "vitest";
import { LimitError } from "../../src/errors.ts";
import { events, settle, testServer, type ErrorBody, type TestServer } from "../helpers/server.ts";

/** A prompt that the model goes on for ever, so that only an end from outside ends it. */
const endless = { prompt: [1, 7, 9], max_tokens: 500, ignore_eos: true, temperature: 0 };

/** A server whose model takes a turn of the event loop for each step, as a large one would. */
function slowServer(limits: object): TestServer & { steps: () => number } {
  const server = testServer({ limits }, {});
  Object.assign(server.fake, { pause: () => new Promise<void>((resolve) => setTimeout(resolve, 0)) });
  return { ...server, steps: () => server.fake.chunks.length };
}

async function health(server: TestServer): Promise<unknown> {
  return (await server.get("/healthz")).json();
}

const IDLE = { status: "ok", active: 0, waiting: 0 };

describe("a client that goes away", () => {
  it("ends its answer: nothing is computed after the signal", async () => {
    const server = slowServer({});
    const client = new AbortController();
    const answer = server.post("/v1/completions", endless, { signal: client.signal });
    while (server.steps() < 5) await settle(1);
    client.abort();
    const steps = server.steps();
    expect((await answer).status).toBe(499);
    expect(server.steps() - steps).toBeLessThanOrEqual(1);
    await settle();
    expect(server.steps() - steps).toBeLessThanOrEqual(1);
    expect(server.fake.sequences.size).toBe(0);
    expect(await health(server)).toEqual(IDLE);
    expect(await (await server.get("/metrics")).text()).toContain("blockffn_abandoned_total 1\n");
  });

  it.each(["signal", "body"])("ends its stream, known by its %s", async (how) => {
    const server = slowServer({});
    const client = new AbortController();
    const response = await server.post("/v1/completions", { ...endless, stream: true }, { signal: client.signal });
    const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    for (let i = 0; i < 5; i++) await reader.read();
    const steps = server.steps();
    if (how === "signal") client.abort();
    else await reader.cancel();
    await settle();
    // One step may have been under way.
    expect(server.steps() - steps).toBeLessThanOrEqual(1 + 16);
    const then = server.steps();
    await settle();
    expect(server.steps()).toBe(then);
    expect(server.fake.sequences.size).toBe(0);
    expect(await health(server)).toEqual(IDLE);
    expect(server.log.find(({ path }) => path === "/v1/completions")).toMatchObject({ status: 499 });
    expect(await (await server.get("/metrics")).text()).toContain("blockffn_abandoned_total 1\n");
  });

  it("leaves the queue without being computed", async () => {
    const server = slowServer({ concurrency: 1, queue: 4 });
    const runs = new AbortController();
    const waits = new AbortController();
    const running = server.post("/v1/completions", endless, { signal: runs.signal });
    while (server.steps() < 2) await settle(1);
    const waiting = server.post("/v1/completions", endless, { signal: waits.signal });
    const last = server.post("/v1/completions", { ...endless, max_tokens: 2 });
    await settle(5);
    expect(await health(server)).toMatchObject({ active: 1, waiting: 2 });
    waits.abort();
    expect((await waiting).status).toBe(499);
    expect(await health(server)).toMatchObject({ active: 1, waiting: 1 });
    runs.abort();
    expect((await running).status).toBe(499);
    expect((await last).status).toBe(200);
    expect(await health(server)).toEqual(IDLE);
  });

  it("before its request is read gets no slot", async () => {
    const server = testServer();
    expect((await server.post("/v1/completions", endless, { signal: AbortSignal.abort() })).status).toBe(499);
    expect(server.fake.chunks).toEqual([]);
  });

  it("that stops reading loses its slot after a while, and was never computed far ahead of", async () => {
    const server = testServer({ limits: { stallMs: 30 } });
    const response = await server.post("/v1/completions", { ...endless, stream: true });
    await settle(5);
    // 16 events may lie ready.
    expect(server.fake.chunks.length).toBeLessThan(24);
    expect(server.fake.sequences.size).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(server.fake.sequences.size).toBe(0);
    expect(await health(server)).toEqual(IDLE);
    await expect(response.text()).rejects.toThrow(/does not read/);
  });
});

describe("a server that closes", () => {
  it("lets running requests end, and refuses those that wait or come", async () => {
    const server = slowServer({ concurrency: 1 });
    const running = server.post("/v1/completions", { ...endless, max_tokens: 200 });
    while (server.steps() < 2) await settle(1);
    const waiting = server.post("/v1/completions", endless);
    await settle(2);
    const closed = server.close(5000);
    expect((await waiting).status).toBe(503);
    const late = await server.post("/v1/completions", endless);
    expect([late.status, late.headers.has("retry-after"), ((await late.json()) as ErrorBody).error.code]).toEqual([
      503,
      true,
      "shutting_down",
    ]);
    expect((await server.get("/healthz")).status).toBe(503);
    expect(await (await running).json()).toMatchObject({ usage: { completion_tokens: 200 } });
    await closed;
  });

  it("ends what takes too long, and says so", async () => {
    const server = slowServer({});
    const whole = server.post("/v1/completions", endless);
    const stream = await server.post("/v1/completions", { ...endless, stream: true });
    const read = events<ErrorBody>(stream);
    await settle(2);
    await server.close(1);
    expect((await whole).status).toBe(503);
    const all = await read;
    expect(all.at(-1)).toMatchObject({ error: { code: "shutting_down" } });
    expect(server.fake.sequences.size).toBe(0);
  });
});

describe("an engine that fails", () => {
  const broken = {
    next: (history: readonly number[]): number => {
      if (history.length > 6) throw new Error("secret detail");
      return 5;
    },
  };

  it("gives 500 without telling why, logs it, and frees the slot", async () => {
    const server = testServer({}, broken);
    const response = await server.post("/v1/completions", endless);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
    const all = await events<ErrorBody>(await server.post("/v1/completions", { ...endless, stream: true }));
    expect(all.at(-1)).toMatchObject({ error: { type: "server_error", code: "internal_error" } });
    expect(server.log.map(({ error }) => String(error))).toEqual(["Error: secret detail", "Error: secret detail"]);
    expect(server.fake.sequences.size).toBe(0);
    expect(await health(server)).toEqual(IDLE);
  });

  it("for want of memory says so", async () => {
    const server = testServer();
    Object.assign(server.fake, {
      newSequence: () => {
        throw new LimitError("the runtime refused 9 bytes");
      },
    });
    const response = await server.post("/v1/completions", endless);
    expect([response.status, response.headers.has("retry-after"), ((await response.json()) as ErrorBody).error.code]).toEqual([
      503,
      true,
      "out_of_memory",
    ]);
    const all = await events<ErrorBody>(await server.post("/v1/completions", { ...endless, stream: true }));
    expect(all.at(-1)).toMatchObject({ error: { code: "out_of_memory" } });
    expect(await health(server)).toEqual(IDLE);
  });
});

it("a body that breaks off is the client's fault", async () => {
  const server = testServer();
  const body = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error("broken")) });
  const response = await server.fetch(
    new Request("http://test/v1/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      duplex: "half",
    } as RequestInit),
  );
  expect([response.status, ((await response.json()) as ErrorBody).error.code]).toEqual([400, "incomplete_body"]);
});

it.each<[string, () => string]>([
  ["is none", () => "http://a b/v1/completions"],
  [
    "throws",
    () => {
      throw new TypeError("Invalid URL");
    },
  ],
])("a request whose URL %s is refused before anything is computed, as some runtimes hand it over", async (_, url) => {
  const server = testServer();
  const request = new Request("http://test/v1/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(endless),
  });
  Object.defineProperty(request, "url", { get: url });
  const response = await server.fetch(request);
  expect([response.status, ((await response.json()) as ErrorBody).error.code]).toEqual([400, "bad_request"]);
  expect([server.fake.chunks, server.log]).toEqual([[], [expect.objectContaining({ path: "", status: 400 })]]);
});

it("a signal that is aborted for a reason that is no error is a client that left", async () => {
  const server = slowServer({});
  const client = new AbortController();
  const answer = server.post("/v1/completions", endless, { signal: client.signal });
  while (server.steps() < 2) await settle(1);
  client.abort("gone");
  expect((await answer).status).toBe(499);
  expect((await server.post("/v1/completions", endless, { signal: AbortSignal.abort("gone") })).status).toBe(499);
  expect(await health(server)).toEqual(IDLE);
});

describe("a stream", () => {
  it("sends its first text before it goes on", async () => {
    const server = testServer();
    const response = await server.post("/v1/completions", { ...endless, stream: true });
    const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    await reader.read();
    const steps = server.fake.chunks.length;
    // Nothing is sent while one microtask follows another; with the next turn of the event loop it goes on.
    for (let i = 0; i < 1000; i++) await null;
    expect(server.fake.chunks.length - steps).toBeLessThanOrEqual(1);
    await settle();
    expect(server.fake.chunks.length - steps).toBeGreaterThan(5);
    await reader.cancel();
  });

  it("and a log that fails do not fail each other", async () => {
    const server = testServer({
      onRequest: () => {
        throw new Error("the disk is full");
      },
    });
    const response = await server.post("/v1/completions", { ...endless, max_tokens: 3, stream: true });
    expect((await events(response)).at(-1)).toBe("[DONE]");
    expect((await server.post("/v1/completions", { ...endless, max_tokens: 3 })).status).toBe(200);
    expect(await health(server)).toEqual(IDLE);
  });
});
