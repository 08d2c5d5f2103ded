import { describe, expect, it } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { KeyCheck } from "../../src/server/auth.ts";
import { testServer, type ErrorBody } from "../helpers/server.ts";

const KEY = "sk-blockffn-7f3a";
const server = testServer({ apiKey: [KEY, "other"] });

describe("an API key", () => {
  it.each([
    undefined,
    "",
    "Bearer",
    "Bearer ",
    `Basic ${KEY}`,
    KEY,
    `Bearer ${KEY}x`,
    `Bearer ${KEY.slice(0, -1)}`,
    `Bearer ${KEY.toUpperCase()}`,
    `Bearer ${KEY} ${KEY}`,
    `Bearer ${"x".repeat(10_000)}`,
  ])("is missing in %.40j", async (authorization) => {
    for (const path of ["/v1/models", "/metrics", "/v1/models/fake", "/v1/completions"]) {
      const response = await server.get(path, authorization === undefined ? {} : { authorization });
      expect([response.status, response.headers.get("www-authenticate"), ((await response.json()) as ErrorBody).error.code]).toEqual([
        401,
        "Bearer",
        "invalid_api_key",
      ]);
    }
    const body = await server.post("/v1/completions", { prompt: [1] }, authorization === undefined ? {} : { headers: { authorization } });
    expect(body.status).toBe(401);
    expect(server.fake.chunks).toEqual([]);
  });

  it("opens the server when it is right; health is for everybody", async () => {
    for (const key of [KEY, "other"]) expect((await server.get("/v1/models", { authorization: `bearer  ${key}` })).status).toBe(200);
    expect((await server.get("/healthz")).status).toBe(200);
  });

  it("cannot be empty: an unset variable must not open the server", () => {
    for (const apiKey of ["", "  ", ["a", ""]]) expect(() => testServer({ apiKey })).toThrow(UsageError);
  });

  it("may come from a file, which ends with a line end; one that no client could send is refused at the start", async () => {
    for (const apiKey of [`${KEY}\n`, `${KEY}\r\n`, `  ${KEY}\t`])
      expect((await testServer({ apiKey }).get("/v1/models", { authorization: `Bearer ${KEY}` })).status).toBe(200);
    for (const apiKey of ["a\nb", "schl\u00fcssel", "\u{1f511}", "a\u0000"])
      expect(() => testServer({ apiKey })).toThrow(/cannot send in a header/);
  });

  it("is compared whole: every byte of every key's digest is looked at, whatever was sent", async () => {
    const keys = new KeyCheck([KEY, "other"]);
    const Plain = globalThis.Uint8Array;
    let reads = 0;
    // Digests become arrays that count how often a byte of them is read.
    const counting = (bytes: Uint8Array): Uint8Array =>
      new Proxy(bytes, {
        get(target, name) {
          if (typeof name === "string" && /^\d+$/.test(name)) reads++;
          return Reflect.get(target, name, target) as unknown;
        },
      });
    const counts: number[] = [];
    for (const given of [KEY, "other", "no", "x".repeat(1000)]) {
      reads = 0;
      globalThis.Uint8Array = new Proxy(Plain, { construct: (target, args: [ArrayBuffer]) => counting(new target(...args)) });
      try {
        await keys.check(`Bearer ${given}`).catch(() => undefined);
      } finally {
        globalThis.Uint8Array = Plain;
      }
      counts.push(reads);
    }
    expect(counts).toEqual([64, 64, 64, 64]);
  });
});
