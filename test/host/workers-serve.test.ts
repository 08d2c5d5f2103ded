import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { serveWorker } from "../../host/cloudflare/serve.ts";

// What a Worker answers before it has a server, which would know its pages: without these headers a page is told nothing.
beforeEach(() => void vi.spyOn(console, "error").mockImplementation(() => undefined));
afterEach(() => void vi.restoreAllMocks());

const context = { waitUntil: () => undefined };
const worker = serveWorker(() => Promise.reject(new Error("no model")));
const ask = (init: RequestInit): Promise<Response> => worker(new Request("https://worker.example/v1/chat/completions", init), {}, context);
const ORIGIN = { origin: "https://app.example" };

it("a model that could not be loaded is told to pages too, with when to try again", async () => {
  for (const method of ["GET", "POST", "OPTIONS"]) {
    const response = await ask({ method, headers: ORIGIN });
    expect([response.status, ((await response.json()) as { error: { code: string } }).error.code]).toEqual([503, "not_loaded"]);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "Retry-After",
      "retry-after": "5",
    });
  }
});

it("a page that asks before it sends gets leave, or it would never learn of it", async () => {
  const response = await ask({
    method: "OPTIONS",
    headers: { ...ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type" },
  });
  expect([response.status, await response.text()]).toEqual([204, ""]);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "authorization,content-type",
    "access-control-allow-methods": "GET, HEAD, POST",
  });
  expect(response.headers.has("access-control-allow-credentials")).toBe(false);
});
