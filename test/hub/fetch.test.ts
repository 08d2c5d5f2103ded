import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { nodeHost } from "../../host/node/engine.ts";
import { convertModel } from "../../src/load/convert.ts";
import { loadModel } from "../../src/load/load.ts";
import type { Quantization } from "../../src/architecture/quantization.ts";
import { NetworkError, SourceError } from "../../src/errors.ts";
import type { ModelFiles, OpenOptions } from "../../src/format/source.ts";
import type { ModelCache } from "../../src/hub/cache.ts";
import type { HubSettings } from "../../src/hub/settings.ts";
import { bytesOf, openIn, testCache } from "../helpers/hub-cache.ts";
import { HubServer } from "../helpers/hub-server.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";

const source = writeTinyModel(temporaryFolder());
const parts = Object.fromEntries(
  ["config.json", "model.safetensors", "tokenizer.json"].map((name) => [name, readFileSync(join(source, name))]),
);
let hub: HubServer;
let root: string;

beforeAll(async () => {
  hub = await HubServer.start();
});
afterAll(() => hub.stop());
beforeEach(() => {
  hub.reset();
  root = temporaryFolder();
  for (const [name, bytes] of Object.entries(parts)) hub.add(name, bytes, name === "model.safetensors");
  hub.add("README.md", "# a model");
  hub.add("pytorch_model.bin", "not needed", true);
  hub.add("onnx/model.onnx", "not needed", true);
});

const cache = (settings: Partial<HubSettings> = {}): ModelCache => testCache(hub, root, settings);
const open = (location: string, options: OpenOptions = {}, settings: Partial<HubSettings> = {}): Promise<ModelFiles> =>
  openIn(cache(settings), location, options);

async function packed(quantize?: Quantization): Promise<Buffer> {
  const written: Uint8Array[] = [];
  await convertModel(await nodeHost.open(source), quantize, (bytes) => void written.push(bytes.slice()));
  return Buffer.concat(written);
}

describe("a repository of the hub", () => {
  it("is packed as convert packs it, of the files that are needed; the token goes to the hub alone", async () => {
    const files = await open("hf:owner/model", {}, { token: "hf_secret" });
    expect(files.name).toBe("hf:owner/model");
    expect((await bytesOf(files)).equals(await packed("q8"))).toBe(true);
    for (const { origin, headers } of hub.asked) expect(headers.authorization).toBe(origin === "hub" ? "Bearer hf_secret" : undefined);
    const asked = hub.takePaths();
    expect(asked[0]).toBe("/api/models/owner/model/revision/main");
    expect(
      asked
        .filter((path) => path.includes("/resolve/"))
        .map((path) => path.split("/").at(-1))
        .sort(),
    ).toEqual(Object.keys(parts).sort());
    expect(readdirSync(join(root, "parts"))).toEqual([]);
    const model = await loadModel({ ...nodeHost, open: async () => files }, "x", { tier: "simd" });
    expect(model.quantization).toBe("q8");
    model.dispose();
  });

  it("is fetched once: then the hub is asked for its commit, offline for nothing, and a commit needs no answer", async () => {
    await open("hf:owner/model");
    hub.takePaths();
    await open("hf:owner/model");
    expect(hub.takePaths()).toEqual(["/api/models/owner/model/revision/main"]);
    await open("hf:owner/model", {}, { offline: true });
    await open(`hf:owner/model@${hub.commit}`);
    expect(hub.takePaths()).toEqual([]);
  });

  it("that cannot be reached is taken from the cache, with a note; what is not there says so", async () => {
    await open("hf:owner/model");
    const nobody = { endpoint: new URL("http://127.0.0.1:9/") };
    const notes: string[] = [];
    await open("hf:owner/model", { onNote: (text) => notes.push(text) }, nobody);
    expect(notes).toEqual([
      expect.stringMatching(/^hf:owner\/model: cannot be fetched: .*; taking the commit of the last time, 0123456789ab$/),
    ]);
    await expect(open("hf:owner/other", {}, nobody)).rejects.toThrow(NetworkError);
    await expect(open("hf:owner/other", {}, { offline: true })).rejects.toThrow(
      /not in the cache .* BLOCKFFN_OFFLINE keeps the network away/,
    );
    await expect(open(`hf:owner/model@${"f".repeat(40)}`, {}, { offline: true })).rejects.toThrow(SourceError);
  });

  it("is packed anew for another weight type, and for another commit", async () => {
    await open("hf:owner/model");
    const files = await open("hf:owner/model", { quantize: "f32" });
    expect((await bytesOf(files)).equals(await packed("f32"))).toBe(true);
    hub.commit = "f".repeat(40);
    hub.takePaths();
    await open("hf:owner/model");
    expect(hub.takePaths().length).toBeGreaterThan(4);
    expect((await cache().records.list()).map(({ commit, quantization }) => [commit?.[0], quantization])).toEqual([
      ["0", "q8"],
      ["0", "f32"],
      ["f", "q8"],
    ]);
  });

  it("may be named by tag or pull request", async () => {
    expect((await open("hf:owner/model@v1")).name).toBe("hf:owner/model@v1");
    expect((await open("hf:owner/model@refs/pr/1")).single).toBe(true);
    await expect(open("hf:owner/model@none")).rejects.toThrow("hf:owner/model@none: has no such revision");
  });

  it("of several weight files: those of its index", async () => {
    hub.files.delete("model.safetensors");
    const { length } = parts["model.safetensors"]!;
    hub.add(
      "model.safetensors.index.json",
      JSON.stringify({ metadata: { total_size: length }, weight_map: weightMap("model-00001-of-00001.safetensors") }),
    );
    hub.add("model-00001-of-00001.safetensors", parts["model.safetensors"]!, true);
    hub.add("model-00002-of-00001.safetensors", "not in the index", true);
    expect((await bytesOf(await open("hf:owner/model"))).equals(await packed("q8"))).toBe(true);
    expect(hub.takePaths().some((path) => path.includes("00002"))).toBe(false);
  });

  it("whose index names other folders, or files that are not there, is refused", async () => {
    hub.files.delete("model.safetensors");
    for (const [name, message] of [
      ["../x.safetensors", /not a plain file name/],
      ["model-00003-of-00001.safetensors", /has no such file/],
    ] as const) {
      hub.add("model.safetensors.index.json", JSON.stringify({ weight_map: weightMap(name) }));
      await expect(open("hf:owner/model")).rejects.toThrow(message);
    }
  });

  it("one packed file of it, in a folder or alone in its repository, stays as it is", async () => {
    const bytes = await packed("q4");
    hub.add("packed/tiny.safetensors", bytes, true);
    expect((await bytesOf(await open("hf:owner/model:packed/tiny.safetensors"))).equals(bytes)).toBe(true);
    expect((await cache().records.list())[0]).toMatchObject({
      name: "tiny",
      quantization: "q4",
      from: "hf:owner/model:packed/tiny.safetensors",
    });
    for (const name of Object.keys(parts)) hub.files.delete(name);
    hub.commit = "a".repeat(40);
    hub.add("tiny.safetensors", bytes, true);
    expect((await bytesOf(await open("hf:owner/model"))).equals(bytes)).toBe(true);
    // Beside a configuration, as the hub's pages want it.
    hub.commit = "b".repeat(40);
    hub.files.delete("tiny.safetensors");
    hub.add("config.json", parts["config.json"]!);
    hub.add("model.safetensors", bytes, true);
    expect((await bytesOf(await open("hf:owner/model"))).equals(bytes)).toBe(true);
  });

  it("is looked at before its weights are fetched", async () => {
    hub.add(
      "config.json",
      JSON.stringify({ ...(JSON.parse(new TextDecoder().decode(parts["config.json"])) as object), model_type: "bert" }),
    );
    await expect(open("hf:owner/model")).rejects.toThrow(/hf:owner\/model:config.json/);
    expect(hub.takePaths().some((path) => path.endsWith("model.safetensors"))).toBe(false);
  });

  it("without weights, or with other programs' alone, says what it has", async () => {
    hub.files.delete("model.safetensors");
    hub.files.delete("pytorch_model.bin");
    hub.add("m.Q4_K_M.gguf", "GGUF", true);
    await expect(open("hf:owner/model")).rejects.toThrow(/has no weights; .*its model files: hf:owner\/model:m.Q4_K_M.gguf/);
    hub.files.delete("config.json");
    await expect(open("hf:owner/model")).rejects.toThrow(/has no config.json.*hf:owner\/model:m.Q4_K_M.gguf/);
    await expect(open("hf:owner/model:none.gguf")).rejects.toThrow(
      /hf:owner\/model:none.gguf: has no such file; its model files: hf:owner\/model:m.Q4_K_M.gguf$/,
    );
  });

  it("two loads at once fetch once", async () => {
    const notes: string[] = [];
    const both = await Promise.all([1, 2].map(() => open("hf:owner/model", { onNote: (text) => notes.push(text) })));
    expect(both.map(({ single }) => single)).toEqual([true, true]);
    expect(hub.takePaths().filter((path) => path.startsWith("/stored/"))).toEqual(["/stored/model.safetensors"]);
    expect(notes).toEqual([expect.stringMatching(/^hf:owner\/model: process \d+ on .* fetches it; waiting$/)]);
    expect(existsSync(join(root, "parts"))).toBe(true);
  });
});

function weightMap(file: string): Record<string, string> {
  const bytes = parts["model.safetensors"]!;
  const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString()) as Record<string, unknown>;
  return Object.fromEntries(
    Object.keys(header)
      .filter((name) => name !== "__metadata__")
      .map((name) => [name, file]),
  );
}
