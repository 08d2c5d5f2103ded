import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { originCheck } from "../../src/server/index.ts";
import { testServer, type ErrorBody, type TestServer } from "../helpers/server.ts";

const APP = "https://app.example";
const asked = { prompt: [1], max_tokens: 3, ignore_eos: true };

const cors = ({ headers }: Response): Record<string, string | null> =>
  Object.fromEntries(["access-control-allow-origin", "access-control-expose-headers", "vary"].map((name) => [name, headers.get(name)]));
const GIVEN = { "access-control-allow-origin": APP, "access-control-expose-headers": "Retry-After", vary: "Origin" };

const preflight = (server: TestServer, origin: string, more: Record<string, string> = {}): Promise<Response> =>
  server.fetch(
    new Request("http://test/v1/chat/completions", {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-lang",
        ...more,
      },
    }),
  );

describe("pages of an allowed site", () => {
  const server = testServer({ allowOrigin: [APP], apiKey: "k" });
  const authorization = "Bearer k";

  it("get leave before they send, without a key, for what they want to send", async () => {
    const response = await preflight(server, APP, { "access-control-request-private-network": "true" });
    expect([response.status, await response.text()]).toEqual([204, ""]);
    expect(cors(response)).toMatchObject({ "access-control-allow-origin": APP });
    expect(response.headers.get("vary")?.split(/, */)).toEqual(expect.arrayContaining(["Origin", "Access-Control-Request-Headers"]));
    expect(response.headers.get("access-control-allow-methods")?.split(",")).toEqual(expect.arrayContaining(["GET", "POST"]));
    expect(response.headers.get("access-control-allow-headers")).toBe("authorization,content-type,x-stainless-lang");
    expect(response.headers.get("access-control-allow-private-network")).toBe("true");
    expect(response.headers.has("access-control-allow-credentials")).toBe(false);
    expect((await preflight(server, APP)).headers.has("access-control-allow-private-network")).toBe(false);
  });

  it("may read answers, streams and errors", async () => {
    const whole = await server.post("/v1/completions", asked, { headers: { origin: APP, authorization } });
    expect([whole.status, cors(whole)]).toEqual([200, GIVEN]);
    const stream = await server.post("/v1/completions", { ...asked, stream: true }, { headers: { origin: APP, authorization } });
    expect([stream.status, cors(stream), stream.headers.get("content-type")]).toEqual([200, GIVEN, "text/event-stream; charset=utf-8"]);
    expect(await stream.text()).toMatch(/data: \[DONE\]\n\n$/);
    for (const [response, status] of [
      [await server.get("/v1/models", { origin: APP }), 401],
      [await server.get("/v1/models", { origin: APP, authorization }), 200],
      [await server.get("/nothing", { origin: APP }), 404],
      [await server.get("/healthz", { origin: APP }), 200],
      [await server.get("/v1/completions", { origin: APP, authorization }), 405],
      [await server.post("/v1/completions", {}, { headers: { origin: APP, authorization } }), 400],
    ] as const)
      expect([response.status, cors(response)]).toEqual([status, GIVEN]);
  });

  it("are told when to try again", async () => {
    const busy = testServer({ allowOrigin: [APP], limits: { concurrency: 1, queue: 0 } });
    const [, refused] = await Promise.all([1, 2].map(() => busy.post("/v1/completions", asked, { headers: { origin: APP } })));
    expect([refused?.status, refused?.headers.has("retry-after"), cors(refused as Response)]).toEqual([429, true, GIVEN]);
    const broken = testServer(
      { allowOrigin: [APP] },
      {
        next: () => {
          throw new Error("x");
        },
      },
    );
    const failed = await broken.post("/v1/completions", asked, { headers: { origin: APP } });
    expect([failed.status, cors(failed)]).toEqual([500, GIVEN]);
  });

  it("are told apart by caches", async () => {
    expect((await server.get("/v1/models", { authorization })).headers.get("vary")).toBe("Origin");
  });
});

describe("pages of another site", () => {
  it("are refused, with advice that works, when there is a list", async () => {
    const server = testServer({ allowOrigin: [APP] });
    for (const response of [
      await preflight(server, "https://evil.example"),
      await server.post("/v1/completions", asked, { headers: { origin: "https://evil.example" } }),
    ]) {
      expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([403, null]);
      const { error } = (await response.json()) as ErrorBody;
      expect([error.code, error.message]).toEqual(["origin_not_allowed", expect.stringContaining("--cors https://evil.example")]);
    }
    expect(server.fake.chunks).toEqual([]);
    const advised = testServer({ allowOrigin: [APP, "https://evil.example"] });
    expect((await preflight(advised, "https://evil.example")).headers.get("access-control-allow-origin")).toBe("https://evil.example");
  });

  it("get no leave where nothing is said of them; other programs may name an origin", async () => {
    const server = testServer();
    expect((await preflight(server, APP)).status).toBe(403);
    const response = await server.get("/v1/models", { origin: APP });
    expect([response.status, response.headers.get("access-control-allow-origin"), response.headers.get("vary")]).toEqual([200, null, null]);
    expect((await server.fetch(new Request("http://test/v1/models", { method: "OPTIONS" }))).status).toBe(405);
  });
});

describe("a list of origins", () => {
  it.each<[readonly string[], readonly string[], readonly string[]]>([
    [
      ["https://app.example"],
      ["https://app.example"],
      ["http://app.example", "https://app.example:8443", "https://app.example.evil.example", "https://xapp.example", "null", ""],
    ],
    [["https://App.Example/"], ["https://app.example"], []],
    [
      ["https://app.example:443", "http://localhost:3000"],
      ["https://app.example", "http://localhost:3000"],
      ["http://localhost", "http://localhost:30000"],
    ],
    [["http://[::1]:5173", "https://b\u00fccher.example"], ["http://[::1]:5173", "https://xn--bcher-kva.example"], []],
    [["chrome-extension://abcdefgh", "null"], ["chrome-extension://abcdefgh", "null"], ["chrome-extension://other"]],
    [["*"], ["https://any.example", "null", "http://localhost:1"], []],
    [[], [], ["https://app.example", "*"]],
  ])("%j", (origins, yes, no) => {
    const allowed = originCheck(origins);
    expect(yes.map(allowed)).toEqual(yes.map(() => true));
    expect(no.map(allowed)).toEqual(no.map(() => false));
  });

  it.each([
    "app.example",
    "https://",
    "https://app.example/path",
    "https://*.example",
    "https://app.example?x",
    "//app.example",
    "",
    "https://a b",
    "https://app.example:port",
  ])("refuses %j, which no browser sends", (origin) => {
    expect(() => originCheck([origin])).toThrow(UsageError);
    expect(() => testServer({ allowOrigin: [origin] })).toThrow(/allowOrigin/);
  });
});

it("a server that knows its names answers to no other: pages of a name that was given its address may not use it", async () => {
  const server = testServer({ allowHost: (hostname) => hostname === "localhost" });
  const get = (url: string): Promise<Response> => server.fetch(new Request(url));
  for (const path of ["/healthz", "/v1/models"]) {
    expect((await get(`http://localhost:8080${path}`)).status).toBe(200);
    const response = await get(`http://rebound.example:8080${path}`);
    expect([response.status, ((await response.json()) as ErrorBody).error.code]).toEqual([403, "host_not_allowed"]);
  }
  // A page that has leave is told why; one that has none cannot read it.
  const named = testServer({ allowOrigin: [APP], allowHost: (hostname) => hostname === "localhost" });
  for (const [origin, given] of [
    [APP, APP],
    ["https://evil.example", null],
  ] as const) {
    const response = await named.fetch(new Request("http://rebound.example/v1/models", { headers: { origin } }));
    expect([response.status, response.headers.get("access-control-allow-origin")]).toEqual([403, given]);
  }
});
