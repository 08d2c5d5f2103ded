import { request } from "node:http";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { listen } from "../../host/http/listen.ts";
import { AddressError } from "../../src/errors.ts";
import { rawClient } from "../helpers/raw-client.ts";

const local = { hostname: "127.0.0.1", port: 0 };

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > end) throw new Error("it did not happen");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("listen on Node", () => {
  it("hands requests over and answers back", async () => {
    const server = await listen(
      async (asked) =>
        new Response(`${asked.method} ${new URL(asked.url).pathname} ${await asked.text()}`, { status: 201, headers: { "x-a": "b" } }),
      local,
    );
    const response = await fetch(`http://127.0.0.1:${server.port}/path?q`, { method: "POST", body: "body" });
    expect([response.status, response.headers.get("x-a"), await response.text()]).toEqual([201, "b", "POST /path body"]);
    await server.close();
    await expect(fetch(`http://127.0.0.1:${server.port}/`)).rejects.toThrow();
  });

  it("aborts the signal when a client goes away before the answer", async () => {
    let aborted = false;
    const server = await listen(
      (asked) =>
        new Promise((resolve) => {
          asked.signal.addEventListener("abort", () => {
            aborted = true;
            resolve(new Response(null, { status: 499 }));
          });
        }),
      local,
    );
    const client = request({ port: server.port, host: "127.0.0.1", method: "POST", headers: { "content-length": 2 } });
    client.on("error", () => undefined);
    client.end("{}");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(aborted).toBe(false);
    client.destroy();
    await until(() => aborted);
    await server.close();
  });

  it("asks a stream for no more than the client reads, and cancels it when the client goes away", async () => {
    let pulled = 0;
    let cancelled = false;
    const body = (): ReadableStream<Uint8Array> =>
      new ReadableStream({
        pull: (controller) => {
          pulled++;
          controller.enqueue(new Uint8Array(1 << 16));
        },
        cancel: () => void (cancelled = true),
      });
    const server = await listen(async () => new Response(body()), local);
    const socket = connect(server.port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => pulled > 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    // Socket buffers hold a few MB; after that nothing is pulled.
    const held = pulled;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(pulled).toBe(held);
    socket.destroy();
    await until(() => cancelled);
    await server.close();
  });

  it("lets answers that are under way end when it closes", async () => {
    const server = await listen(async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return new Response("late");
    }, local);
    const answer = fetch(`http://127.0.0.1:${server.port}/`);
    await new Promise((resolve) => setTimeout(resolve, 30));
    await server.close();
    expect(await (await answer).text()).toBe("late");
  });

  it("refuses what is no request", async () => {
    const server = await listen(async () => new Response("never"), local);
    const say = (text: string): Promise<string> =>
      new Promise((resolve) => {
        let heard = "";
        const socket = connect(server.port, "127.0.0.1", () => socket.end(text));
        socket.on("data", (data) => (heard += data.toString())).on("close", () => resolve(heard));
      });
    for (const text of ["nonsense\r\n\r\n", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "GET \\ HTTP/1.1\r\nHost: a\r\n\r\n"])
      expect(await say(text)).toMatch(/^HTTP\/1.1 400 /);
    await server.close();
  });

  it("takes HTTP/1.0, which need not name a host", async () => {
    const server = await listen(async (asked) => new Response(new URL(asked.url).hostname), local);
    const client = await rawClient(server.port, "GET /healthz HTTP/1.0\r\n\r\n");
    await client.closed;
    expect(client.heard()).toMatch(/^HTTP\/1\.[01] 200 OK\r\n[^]*\r\n\r\nlocalhost$/);
    await server.close();
  });

  it("disconnects clients whose headers or body do not come to their end, however often they send a piece", async () => {
    let cut = 0;
    const server = await listen(
      async (asked) => {
        await asked.text().catch(() => cut++);
        return new Response();
      },
      { ...local, limits: { headersMs: 200, requestMs: 400 } },
    );
    const headers = await rawClient(server.port, "GET / HTTP/1.1\r\nHost: a\r\n");
    headers.trickle((n) => `x${n}: y\r\n`, 20);
    const body = await rawClient(server.port, "POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 100000\r\n\r\n");
    body.trickle(() => "x", 20);
    const silent = await rawClient(server.port, "");
    await Promise.all([headers.closed, body.closed, silent.closed]);
    await until(() => cut === 1);
    await server.close();
  });

  it("disconnects clients that do not read a whole answer", async () => {
    const server = await listen(async () => new Response(new Uint8Array(1 << 26)), { ...local, limits: { unreadMs: 100 } });
    const client = await rawClient(server.port, "");
    client.socket.pause();
    client.socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await new Promise((resolve) => setTimeout(resolve, 300));
    client.socket.resume();
    await client.closed;
    expect(client.heard().length).toBeLessThan(1 << 26);
    await server.close();
  });

  it("takes so many connections and closes others", async () => {
    const server = await listen(async () => new Response("here"), { ...local, limits: { connections: 2 } });
    const [first, second, third] = [await rawClient(server.port, ""), await rawClient(server.port, ""), await rawClient(server.port, "")];
    await third.closed;
    expect(third.heard()).toBe("");
    first.socket.destroy();
    await first.closed;
    second.socket.write("GET / HTTP/1.1\r\nHost: a\r\nconnection: close\r\n\r\n");
    await second.closed;
    expect(second.heard()).toMatch(/here$/);
    await server.close();
  });

  it("says what to do when the address cannot be had", async () => {
    const first = await listen(async () => new Response(), local);
    await expect(listen(async () => new Response(), { ...local, port: first.port })).rejects.toThrow(
      /in use: stop the other program, or choose another port/,
    );
    await expect(listen(async () => new Response(), { hostname: "203.0.113.7", port: 0 })).rejects.toThrow(AddressError);
    await first.close();
  });
});
