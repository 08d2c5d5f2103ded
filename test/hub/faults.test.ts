import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Quantization } from "../../src/architecture/quantization.ts";
import { FormatError, LimitError, NetworkError, SourceError } from "../../src/errors.ts";
import type { ModelFiles, OpenOptions } from "../../src/format/source.ts";
import type { Patience } from "../../src/hub/client.ts";
import type { HubSettings } from "../../src/hub/settings.ts";
import { bytesOf, openIn, testCache } from "../helpers/hub-cache.ts";
import { HubServer, type Hook } from "../helpers/hub-server.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";

const source = writeTinyModel(temporaryFolder());
const weights = readFileSync(join(source, "model.safetensors"));
const HALF = weights.length >> 1;
let hub: HubServer;
let root: string;
let notes: string[];

beforeAll(async () => {
  hub = await HubServer.start();
});
afterAll(() => hub.stop());
beforeEach(() => {
  hub.reset();
  notes = [];
  root = temporaryFolder();
  for (const name of ["config.json", "tokenizer.json"]) hub.add(name, readFileSync(join(source, name)));
  hub.add("model.safetensors", weights, true);
});

function open(
  options: OpenOptions = {},
  settings: Partial<HubSettings> = {},
  patience: Partial<Patience> = {},
  location = "hf:owner/model",
): Promise<ModelFiles> {
  const onProgress = (what: string, done: number): void => {
    if (what !== "downloading" || cut === undefined || done < cut.at) return;
    cut.end();
    cut = undefined;
  };
  return openIn(testCache(hub, root, settings, patience), location, { onNote: (text) => notes.push(text), onProgress, ...options });
}

/** Answers requests of the weights with each hook in turn, then as usual. */
function weightHooks(...hooks: readonly Hook[]): void {
  const left = [...hooks];
  hub.hook = (request, response, path) => (path.startsWith("/stored/") ? left.shift()?.(request, response, path) : false);
}

/** Ranges that the weights were asked for in. */
const ranges = (): (string | undefined)[] => hub.asked.filter(({ origin }) => origin === "storage").map(({ headers }) => headers.range);
const staged = (): string[] => readdirSync(join(root, "parts"), { recursive: true }).map(String);

/** Where the client has got to when the connection is to break, and how. */
let cut: { readonly at: number; readonly end: () => void } | undefined;

/** Sends the first half of what was asked for, and breaks the connection when it has arrived. */
const breakOff: Hook = (request, response) => {
  const from = Number(/\d+/.exec(request.headers.range ?? "0")?.[0]);
  const rest = weights.subarray(from);
  const part = from === 0 ? {} : { "content-range": `bytes ${from}-${weights.length - 1}/${weights.length}` };
  response.writeHead(from === 0 ? 200 : 206, { etag: '"v1"', "content-length": rest.length, ...part });
  cut = { at: from + (rest.length >> 1), end: () => response.destroy() };
  response.write(rest.subarray(0, rest.length >> 1));
  return true;
};
const whole: Hook = (request, response) => {
  hub.send(request, response, weights, '"v1"');
  return true;
};
const refuse =
  (status: number, headers: Record<string, string> = {}): Hook =>
  (_, response) => {
    response.writeHead(status, headers).end("an answer");
    return true;
  };

describe("a connection that breaks", () => {
  it("is taken up where it ended", async () => {
    weightHooks(breakOff, breakOff, whole);
    const files = await open();
    expect(files.single).toBe(true);
    expect(ranges()).toEqual([undefined, `bytes=${HALF}-`, expect.stringMatching(/^bytes=\d+-$/)]);
    expect(notes).toEqual([]);
  });

  it("for good: what came is kept, and the next process goes on with it", async () => {
    weightHooks(breakOff);
    await expect(open({}, {}, { retries: 0 })).rejects.toThrow(/model.safetensors: the connection broke/);
    expect(staged().some((name) => name.endsWith("model.safetensors.part"))).toBe(true);
    weightHooks(whole);
    await open();
    expect(ranges()).toEqual([undefined, `bytes=${HALF}-`]);
    expect(staged()).toEqual([]);
  });

  it("by falling silent", async () => {
    weightHooks((_, response) => {
      response.writeHead(200, { "content-length": weights.length }).write(weights.subarray(0, HALF));
      return true;
    }, whole);
    await open({}, {}, { silenceMs: 200 });
    expect(ranges().length).toBe(2);
  });

  it("when the caller ends it: the reason is thrown, the lock given back, the part kept", async () => {
    const stop = new AbortController();
    weightHooks((_, response) => {
      response.writeHead(200, { etag: '"v1"', "content-length": weights.length }).write(weights.subarray(0, HALF));
      return true;
    });
    const onProgress = (what: string, done: number): void => {
      if (what === "downloading" && done === HALF) stop.abort(new Error("enough"));
    };
    await expect(open({ signal: stop.signal, onProgress })).rejects.toThrow("enough");
    expect(staged().filter((name) => name.endsWith(".lock"))).toEqual([]);
    weightHooks(whole);
    await open();
    expect(ranges()).toEqual([undefined, `bytes=${HALF}-`]);
  });
});

describe("a file that is not what it was", () => {
  it("on the server: it is fetched from the start, and that is said", async () => {
    weightHooks(breakOff, (request, response) => {
      hub.send(request, response, weights, '"v2"');
      return true;
    });
    await open();
    expect(notes).toEqual(["hf:owner/model:model.safetensors: changed on the server; fetching it from the start"]);
  });

  it("on a server that gives parts of the new one all the same", async () => {
    weightHooks(
      breakOff,
      (request, response) => {
        const from = Number(/\d+/.exec(request.headers.range ?? "")?.[0]);
        const rest = weights.subarray(from);
        response
          .writeHead(206, {
            etag: '"v2"',
            "content-length": rest.length,
            "content-range": `bytes ${from}-${weights.length - 1}/${weights.length}`,
          })
          .end(rest);
        return true;
      },
      whole,
    );
    await open();
    expect(notes).toEqual(["hf:owner/model:model.safetensors: changed on the server; fetching it from the start"]);
    expect(ranges().at(-1)).toBeUndefined();
  });

  it("on a server that knows no ranges", async () => {
    weightHooks(breakOff, (_, response) => {
      response.writeHead(200, { etag: '"v1"', "content-length": weights.length }).end(weights);
      return true;
    });
    await open();
    expect(notes).toEqual(["hf:owner/model:model.safetensors: the server does not send parts; fetching it from the start"]);
  });

  it("by its checksum: nothing of it is kept", async () => {
    const wrong = Buffer.from(weights);
    wrong[HALF]! ^= 1;
    weightHooks((request, response) => {
      hub.send(request, response, wrong);
      return true;
    });
    await expect(open()).rejects.toThrow(/model.safetensors: has not the SHA-256 that the hub says/);
    expect(staged().filter((name) => /model\.safetensors/.test(name))).toEqual([]);
    expect(existsSync(join(root, "models"))).toBe(false);
  });

  it("on this disk, by an earlier process: it is fetched once more", async () => {
    weightHooks(breakOff);
    await expect(open({}, {}, { retries: 0 })).rejects.toThrow(NetworkError);
    const part = join(
      root,
      "parts",
      staged().find((name) => name.endsWith(".part"))!,
    );
    const bytes = readFileSync(part);
    bytes[9]! ^= 1;
    writeFileSync(part, bytes);
    weightHooks(whole, whole);
    await open();
    expect(notes).toEqual(["hf:owner/model:model.safetensors: what was there of it is damaged; fetching it anew"]);
  });
});

describe("bodies of another length", () => {
  it("shorter: by its header at once, by its end after some tries", async () => {
    weightHooks((_, response) => {
      response.writeHead(200, { "content-length": HALF }).end(weights.subarray(0, HALF));
      return true;
    });
    await expect(open()).rejects.toThrow(`has ${HALF} bytes on the server, and ${weights.length} by the hub's list`);
    hub.reset();
    hub.add("tiny.safetensors", weights, true);
    const short: Hook = (_, response) => {
      response.writeHead(200, { "transfer-encoding": "chunked" }).end(weights.subarray(0, HALF));
      return true;
    };
    weightHooks(...Array.from({ length: 9 }, () => short));
    await expect(open()).rejects.toThrow(/tiny.safetensors: ended at byte \d+ of \d+/);
  });

  it("longer: it is not written", async () => {
    weightHooks((_, response) => {
      response.writeHead(200, { "transfer-encoding": "chunked" }).end(Buffer.concat([weights, weights]));
      return true;
    });
    const error = await open().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FormatError);
    expect((error as Error).message).toMatch(/the server sends more than its \d+ bytes/);
  });
});

describe("a server that refuses", () => {
  it.each([
    [401, { "x-error-code": "RepoNotFound" }, undefined, /^hf:owner\/model: is not there, or private; check the name, or set HF_TOKEN$/],
    [401, {}, "hf_secret", /is not there, or HF_TOKEN may not read it/],
    [
      403,
      { "x-error-code": "GatedRepo" },
      undefined,
      /its owner asks for consent: give it on the model's page at 127.0.0.1:\d+ and set HF_TOKEN/,
    ],
    [403, { "x-error-code": "GatedRepo" }, "hf_secret", /with the account of HF_TOKEN$/],
    [403, {}, "hf_secret", /may not be read \(403\); check the rights of HF_TOKEN/],
    [404, { "x-error-code": "RepoNotFound" }, undefined, /is not there, or private/],
    [404, { "x-error-code": "RevisionNotFound" }, undefined, /no such revision/],
    [418, {}, undefined, /the server answers 418/],
  ])("%i %o", async (status, headers, token, message) => {
    hub.hook = refuse(status, headers);
    const error = await open({}, { token }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NetworkError);
    expect((error as NetworkError).status).toBe(status);
    expect((error as NetworkError).message).toMatch(message);
    expect((error as NetworkError).message).not.toContain("hf_secret");
    expect(hub.asked.length).toBe(1);
  });

  it("for now: it is asked again, as late as it wants", async () => {
    const turns = [refuse(429, { "retry-after": "0" }), refuse(503), false as const];
    hub.hook = (request, response, path) => (path.startsWith("/api/") ? (turns.shift() || undefined)?.(request, response, path) : false);
    await open();
    expect(hub.takePaths().filter((path) => path.startsWith("/api/")).length).toBe(3);
    hub.commit = "a".repeat(40);
    weightHooks(refuse(429, { "retry-after": new Date(Date.now() - 1000).toUTCString() }), whole);
    await open();
    expect(ranges().length).toBe(2);
  });

  it("for longer than anybody waits, and for ever", async () => {
    hub.hook = refuse(429, { "retry-after": "3600" });
    await expect(open()).rejects.toThrow("too many requests (429)");
    expect(hub.asked.length).toBe(1);
    hub.hook = refuse(500);
    await expect(open()).rejects.toThrow("the server has an error (500); try again later");
    expect(hub.asked.length).toBe(1 + 3);
  });

  it.each([
    ["for ever", "/loop", /leads on more than 10 times/],
    ["to a file", "file:///etc/passwd", /leads to what is no web address/],
    ["to nowhere", "http://", /leads to what is no web address/],
  ])("by leading on %s", async (_, location, message) => {
    hub.hook = (_request, response) => {
      response.writeHead(302, { location }).end();
      return true;
    };
    await expect(open()).rejects.toThrow(message);
  });
});

describe("a list that cannot be", () => {
  it.each([
    ["a file elsewhere", { siblings: [{ rfilename: "../x", size: 1 }] }, FormatError, /"\.\.\/x", which is no file of a repository/],
    ["an absolute path", { siblings: [{ rfilename: "/etc/passwd", size: 1 }] }, FormatError, /no file of a repository/],
    ["a backslash", { siblings: [{ rfilename: "..\\x", size: 1 }] }, FormatError, /no file of a repository/],
    ["a negative size", { siblings: [{ rfilename: "x", size: -1 }] }, FormatError, /siblings.0.size/],
    ["a size that is no number", { siblings: [{ rfilename: "x", size: "1" }] }, FormatError, /siblings.0.size/],
    ["a fraction", { siblings: [{ rfilename: "x", size: 1.5 }] }, FormatError, /siblings.0.size/],
    ["no size", { siblings: [{ rfilename: "x" }] }, FormatError, /does not say how large/],
    ["a checksum that is none", { siblings: [{ rfilename: "x", lfs: { size: 1, sha256: "x" } }] }, FormatError, /siblings.0.lfs.sha256/],
    ["no files", { siblings: undefined }, FormatError, /siblings/],
    ["no commit", { sha: "main" }, FormatError, /sha/],
    ["a commit that is a path", { sha: "../../../../../../../../../../../etc/pass" }, FormatError, /sha/],
    ["too many files", { siblings: Array.from({ length: 100_001 }, (_, i) => ({ rfilename: `${i}`, size: 1 })) }, LimitError, /100000/],
  ])("%s", async (_, changes, kind, message) => {
    hub.list = (listing) => ({ ...listing, ...changes });
    const error = await open().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toMatch(message);
    expect(existsSync(join(root, "parts")) ? staged() : []).toEqual([]);
  });

  it("a model that no disk holds is refused before it is fetched", async () => {
    hub.list = (listing) => ({
      ...listing,
      siblings: (listing["siblings"] as { rfilename: string; lfs?: object }[]).map((file) =>
        file.rfilename === "model.safetensors" ? { ...file, lfs: { ...file.lfs, size: 2 ** 52 } } : file,
      ),
    });
    const error = await open().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LimitError);
    expect((error as Error).message).toMatch(/needs \d+ bytes more on the disk of .* make room, or set BLOCKFFN_CACHE/);
    expect(ranges()).toEqual([]);
  });

  it("a configuration that is too large", async () => {
    hub.add("config.json", new Uint8Array((1 << 20) + 1));
    await expect(open()).rejects.toThrow(/config.json: has 1048577 bytes, more than the 1048576 allowed/);
  });

  it.each(["<!doctype html>", "", "[]", "null", "\xff"])("%j is no list", async (text) => {
    hub.hook = (_, response) => {
      response.writeHead(200).end(Buffer.from(text, "latin1"));
      return true;
    };
    await expect(open()).rejects.toThrow(FormatError);
  });

  it("one without end", async () => {
    hub.hook = (_, response) => {
      response.writeHead(200).end(Buffer.alloc((32 << 20) + 1, 32));
      return true;
    };
    await expect(open()).rejects.toThrow(LimitError);
  });
});

describe("this machine", () => {
  it("whose disk is full: a typed error", async () => {
    if (!existsSync("/dev/full")) return console.log("skipped: there is no /dev/full");
    weightHooks(breakOff);
    await expect(open({}, {}, { retries: 0 })).rejects.toThrow(NetworkError);
    const folder = join(
      root,
      "parts",
      staged().find((name) => !name.includes("/"))!,
    );
    hub.add("tokenizer_config.json", "{}");
    symlinkSync("/dev/full", join(folder, "tokenizer_config.json.part"));
    const error = await open().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SourceError);
    expect((error as Error).message).toMatch(/the disk is full; make room/);
  });

  it("whose cache may not be written: a typed error", async () => {
    writeFileSync(join(root, "parts"), "in the way");
    await expect(open()).rejects.toThrow(SourceError);
  });

  it("takes over the lock of a process that is gone", async () => {
    weightHooks(breakOff);
    await expect(open({}, {}, { retries: 0 })).rejects.toThrow(NetworkError);
    const folder = staged().find((name) => !name.includes("/"))!;
    writeFileSync(join(root, "parts", `${folder}.lock`), JSON.stringify({ pid: 2 ** 22 + 1, host: (await import("node:os")).hostname() }));
    await open();
  });

  it("removes what is unfinished, and nothing else", async () => {
    await open();
    hub.commit = "a".repeat(40);
    weightHooks(breakOff);
    await expect(open({}, {}, { retries: 0 })).rejects.toThrow(NetworkError);
    const cache = testCache(hub, root);
    expect(await cache.removeUnfinished()).toBeGreaterThan(HALF - 1);
    expect(await cache.removeUnfinished()).toBe(0);
    expect(staged()).toEqual([]);
    expect((await cache.records.list()).length).toBe(1);
  });

  it("fetches again what was damaged in its books", async () => {
    await open();
    const folder = join(root, "models");
    for (const name of readdirSync(folder)) if (name.endsWith(".json")) writeFileSync(join(folder, name), "{");
    await open();
    expect((await testCache(hub, root).records.list()).length).toBe(1);
    mkdirSync(join(folder, "x.json"));
    expect((await testCache(hub, root).records.list()).length).toBe(1);
  });
});

describe("a URL", () => {
  const location = (): string => `${hub.storage}/stored/tiny.safetensors?signature=secret`;

  async function packedFile(quantize: Quantization = "q8"): Promise<Buffer> {
    return bytesOf(await open({ quantize }));
  }

  it("is fetched once, while the server has the same version; offline without a question", async () => {
    const [bytes, changed] = [await packedFile(), await packedFile("f32")];
    hub.add("tiny.safetensors", bytes, true);
    hub.takePaths();
    const get = (settings: Partial<HubSettings> = {}): Promise<ModelFiles> => open({}, settings, {}, location());
    const files = await get({ token: "hf_secret" });
    expect((await bytesOf(files)).equals(bytes)).toBe(true);
    expect(files.name).toBe(`${hub.storage}/stored/tiny.safetensors`);
    expect(hub.asked.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    await get();
    expect(hub.asked.map(({ headers }) => headers["if-none-match"] !== undefined)).toEqual([false, true]);
    await get({ offline: true });
    expect(hub.asked.length).toBe(2);
    expect(notes).toEqual([]);
    hub.add("tiny.safetensors", changed, true);
    expect((await bytesOf(await get())).equals(changed)).toBe(true);
    expect(notes).toEqual([`${hub.storage}/stored/tiny.safetensors: changed on the server; fetching it anew`]);
    hub.hook = refuse(503);
    expect((await bytesOf(await get())).equals(changed)).toBe(true);
    hub.hook = refuse(404);
    await expect(get()).rejects.toThrow("there is no such file; check the URL");
    expect((await testCache(hub, root).records.list()).some((record) => JSON.stringify(record).includes("secret"))).toBe(false);
  });

  it("whose server says no length, and no version", async () => {
    const bytes = await packedFile();
    hub.hook = (_, response) => {
      response.writeHead(200, { "transfer-encoding": "chunked" }).end(bytes);
      return true;
    };
    expect((await bytesOf(await open({}, {}, {}, location()))).equals(bytes)).toBe(true);
    expect((await bytesOf(await open({}, {}, {}, location()))).equals(bytes)).toBe(true);
  });

  it("of something else says what it is", async () => {
    hub.add("tiny.safetensors", "<!doctype html><title>Log in</title>", true);
    await expect(open({}, {}, {}, location())).rejects.toThrow(/is a web page/);
    expect(existsSync(join(root, "models"))).toBe(true);
    expect((await testCache(hub, root).records.list()).length).toBe(0);
  });
});
