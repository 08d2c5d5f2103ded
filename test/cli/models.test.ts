import { cpSync, existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { DEFAULT_MODEL, loadModel } from "../../host/node/index.ts";
import { blockffn } from "../helpers/fake-io.ts";
import { HubServer } from "../helpers/hub-server.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";

const source = writeTinyModel(temporaryFolder());
const TOKENS = ["--tokens", "1,2,3", "--max-tokens", "4", "--ignore-eos", "--tier", "simd"];
let hub: HubServer;
let root: string;

interface Listed {
  readonly name: string;
  readonly path: string;
  readonly kind: string;
  readonly from: string;
  readonly bytes?: number;
  readonly parameters?: number;
  readonly quantization?: string;
  readonly problem?: string;
}

beforeAll(async () => {
  hub = await HubServer.start();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await hub.stop();
});
beforeEach(() => {
  hub.reset();
  for (const name of ["config.json", "tokenizer.json"]) hub.add(name, readFileSync(join(source, name)));
  hub.add("model.safetensors", readFileSync(join(source, "model.safetensors")), true);
  root = temporaryFolder();
  vi.stubEnv("HF_ENDPOINT", hub.endpoint);
  vi.stubEnv("BLOCKFFN_CACHE", root);
  vi.stubEnv("HF_TOKEN", "");
});

async function list(): Promise<Listed[]> {
  const { code, out, err } = await blockffn(["models", "--json"]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return JSON.parse(out) as Listed[];
}

async function tokens(args: readonly string[]): Promise<{ tokens: number[]; quantization: string; model: string }> {
  const { code, out, err } = await blockffn(["generate", ...TOKENS, "--json", ...args]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return JSON.parse(out) as { tokens: number[]; quantization: string; model: string };
}

describe("--model", () => {
  it("takes a repository of the hub: packed as q8, or as --quantize says, with the tokens of the folder", async () => {
    for (const quantize of ["q8", "q4"]) {
      const here = await tokens(["--model", source, "--quantize", quantize]);
      const fetched = await tokens(["--model", "hf:owner/model", ...(quantize === "q8" ? [] : ["--quantize", quantize])]);
      expect(fetched).toMatchObject({ tokens: here.tokens, quantization: quantize, model: "hf:owner/model" });
    }
    // By its short name, the one that was fetched last.
    expect(await tokens(["--model", "MODEL"])).toMatchObject({ quantization: "q4", model: "MODEL" });
    using model = await loadModel("hf:owner/model", { tier: "simd" });
    expect(model.loaded.quantization).toBe("q8");
  });

  it("takes a URL, and a name with dots that was fetched", async () => {
    hub.add("Tiny-2.5.safetensors", readFileSync(DEFAULT_MODEL), true);
    const url = `${hub.storage}/stored/Tiny-2.5.safetensors`;
    expect((await tokens(["--model", url])).model).toBe(url);
    expect((await tokens(["--model", "Tiny-2.5"])).tokens.length).toBe(4);
    expect((await blockffn(["generate", "x", "--model", "Tiny-2.6"])).err).toContain("there is no such file or folder");
  });

  it.each([
    [["--model", "hf:owner"], 2, "hf:owner: names no repository; models of the hub are written hf:OWNER/NAME"],
    [["--model", "none"], 1, "npm install blockffn-none"],
    [["--model", "hf:owner/none"], 1, "hf:owner/none: is not there, or private; check the name, or set HF_TOKEN"],
    [["--model", "hf:owner/model@none"], 1, "no such revision"],
    [["--model", "nano", "--draft-model", "none"], 1, "npm install blockffn-none"],
  ])("%j ends with one line", async (args, code, message) => {
    const result = await blockffn(["generate", ...TOKENS, ...args]);
    expect(result).toMatchObject({ code, out: "" });
    expect(result.err).toContain(message);
    expect(result.err.trim().split("\n").length).toBe(1);
  });

  it("two models of one short name are told apart by where they are from", async () => {
    hub.add("other/model.safetensors", readFileSync(DEFAULT_MODEL), true);
    await tokens(["--model", "hf:owner/model"]);
    await tokens(["--model", "hf:owner/model:other/model.safetensors"]);
    const { code, err } = await blockffn(["generate", ...TOKENS, "--model", "model"]);
    expect(code).toBe(2);
    expect(err).toContain("is the name of several models here: say hf:owner/model or hf:owner/model:other/model.safetensors");
  });
});

describe("other commands", () => {
  it("convert, inspect and logits take what --model takes", async () => {
    const out = join(root, "out.safetensors");
    expect(await blockffn(["convert", "hf:owner/model", "--out", out, "--quantize", "q4"])).toMatchObject({ code: 0 });
    expect((await list()).map(({ quantization }) => quantization)).toContain("q4");
    expect(JSON.parse((await blockffn(["inspect", out, "--json"])).out)).toMatchObject({ weights: "q4" });
    expect(JSON.parse((await blockffn(["inspect", "hf:owner/model", "--json"])).out)).toMatchObject({
      name: "hf:owner/model",
      weights: "q8",
    });
    expect(await blockffn(["logits", "--model", "hf:owner/model", "--tokens", "1", "--out", join(root, "l.f32")])).toMatchObject({
      code: 0,
    });
  });

  it("never write the file of a model that was named", async () => {
    await blockffn(["inspect", "hf:owner/model"]);
    const { path } = (await list()).find(({ kind }) => kind === "fetched")!;
    for (const model of ["hf:owner/model", "model"]) {
      const result = await blockffn(["convert", model, "--out", path, "--force"]);
      expect(result).toMatchObject({ code: 2 });
      expect(result.err).toContain("which is read; give another name");
    }
  });
});

describe("blockffn models", () => {
  it("lists what has a name here, with what it is and where from", async () => {
    const [nano, ...before] = await list();
    expect(nano).toMatchObject({
      name: "nano",
      path: DEFAULT_MODEL,
      kind: "built in",
      quantization: "q8",
      bytes: readFileSync(DEFAULT_MODEL).length,
    });
    expect(nano?.parameters).toBeGreaterThan(8.5e6);
    expect(before.filter(({ kind }) => kind === "fetched")).toEqual([]);
    await tokens(["--model", "hf:owner/model"]);
    const fetched = (await list()).filter(({ kind }) => kind === "fetched");
    expect(fetched).toMatchObject([{ name: "model", from: "hf:owner/model", quantization: "q8", commit: hub.commit }]);
    const { out } = await blockffn(["models"]);
    expect(out).toMatch(/^model +[\d.]+ KiB +0\.0 M +q8 +hf:owner\/model at 0123456789ab +\/\S+\.safetensors$/m);
  });

  it("says which of them cannot be read", async () => {
    await tokens(["--model", "hf:owner/model"]);
    const { path } = (await list()).find(({ kind }) => kind === "fetched")!;
    cpSync(join(source, "tokenizer.json"), path);
    expect((await list()).find(({ kind }) => kind === "fetched")?.problem).toBeTypeOf("string");
    expect((await blockffn(["models"])).out).toContain("cannot be read: ");
  });

  it("removes fetched ones, and those alone", async () => {
    for (const quantize of ["q8", "q4"]) await tokens(["--model", "hf:owner/model", "--quantize", quantize]);
    const { code, out } = await blockffn(["models", "remove", "hf:owner/model"]);
    expect({ code, lines: out.trim().split("\n").length }).toEqual({ code: 0, lines: 2 });
    expect(readdirSync(join(root, "models"))).toEqual([]);
    await tokens(["--model", "hf:owner/model"]);
    expect(await blockffn(["models", "remove", "model"])).toMatchObject({ code: 0 });
    expect(await blockffn(["models", "remove", "model"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("is not in the cache") as string,
    });
    expect(await blockffn(["models", "remove", "nano"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("comes with blockffn") as string,
    });
    expect(await blockffn(["models", "remove"])).toMatchObject({ code: 2 });
    expect(await blockffn(["models", "remove", "--unfinished"])).toMatchObject({ code: 0, out: "removed 0 B of unfinished downloads\n" });
    expect(existsSync(DEFAULT_MODEL)).toBe(true);
  });

  it("settings that cannot be are told by their names, and a token is never shown", async () => {
    vi.stubEnv("HF_TOKEN", "hf_sec\nret");
    const token = await blockffn(["generate", ...TOKENS, "--model", "hf:owner/model"]);
    expect(token).toMatchObject({ code: 2, err: "blockffn: HF_TOKEN: holds characters that no token has\n" });
    vi.stubEnv("HF_TOKEN", "");
    vi.stubEnv("HF_ENDPOINT", "ftp://example.org");
    expect((await blockffn(["generate", ...TOKENS, "--model", "hf:owner/model"])).err).toContain("HF_ENDPOINT: must be an http(s) URL");
  });
});
