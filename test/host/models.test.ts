import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { DEFAULT_MODEL, loadModel } from "../../host/node/index.ts";
import { nodeModels } from "../../host/node/models.ts";
import { SourceError } from "../../src/errors.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";

const start = process.cwd();
let project: string;

/** Makes a model package below `folder`, the default model for its file. */
function install(folder: string, name: string, manifest: object = {}, file: string | undefined = "model.safetensors"): string {
  const at = join(folder, "node_modules", `blockffn-${name}`);
  mkdirSync(at, { recursive: true });
  const said = { name: `blockffn-${name}`, version: "1.2.3", blockffn: { model: "model.safetensors" }, ...manifest };
  writeFileSync(join(at, "package.json"), JSON.stringify(said));
  if (file !== undefined) cpSync(DEFAULT_MODEL, join(at, file));
  return join(at, file ?? "");
}

async function bytesOf(location: string): Promise<number | undefined> {
  const files = await nodeModels().open(location);
  const source = await files.open(files.single ? "" : "config.json");
  await source?.close();
  return source?.size;
}

beforeEach(() => {
  project = join(temporaryFolder(), "a/b");
  mkdirSync(project, { recursive: true });
  process.chdir(project);
});
afterAll(() => process.chdir(start));

describe("models by name", () => {
  it("nano comes with the package", async () => {
    expect(await nodeModels().locate("nano")).toBe(DEFAULT_MODEL);
    using model = await loadModel("nano");
    expect(model.name).toBe("nano");
  });

  it("a package is found from the project's folder and from those above it, the nearest first", async () => {
    const above = install(join(project, ".."), "tiny");
    expect(await nodeModels().locate("tiny")).toBe(above);
    const near = install(project, "tiny");
    expect(await nodeModels().locate("tiny")).toBe(near);
    using model = await loadModel("tiny");
    expect(model.name).toBe("tiny");
  });

  it.each([
    ["another package's name", { name: "blockffn-other" }],
    ["no file", { blockffn: {} }],
    ["a file elsewhere", { blockffn: { model: "../../secret" } }],
    ["a file that is hidden", { blockffn: { model: ".model" } }],
    ["a file that is not there", { blockffn: { model: "none.safetensors" } }],
    ["nothing of ours", { blockffn: null }],
  ])("a package that says %s is none", async (_, manifest) => {
    install(project, "tiny", manifest);
    await expect(nodeModels().open("tiny")).rejects.toThrow(SourceError);
  });

  it("a broken package.json is passed over", async () => {
    const above = install(join(project, ".."), "tiny");
    install(project, "tiny", {}, undefined);
    writeFileSync(join(project, "node_modules/blockffn-tiny/package.json"), "{");
    expect(await nodeModels().locate("tiny")).toBe(above);
  });

  it("an unknown name says what to install, in one line", async () => {
    const error = await nodeModels()
      .open("Tiny")
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SourceError);
    expect((error as SourceError).message).toBe(
      "Tiny: no model has this name here: `npm install blockffn-tiny` if there is such a package, or give a path (./Tiny) or hf:OWNER/NAME",
    );
  });

  it("./ makes a path of what looks like a name; without it the model goes before a folder, and says so", async () => {
    const folder = join(project, "tiny");
    mkdirSync(folder);
    writeTinyModel(folder);
    const config = await bytesOf("./tiny");
    expect(await bytesOf("tiny")).toBe(config);
    install(project, "tiny");
    const notes: string[] = [];
    const files = await nodeModels().open("tiny", { onNote: (text) => notes.push(text) });
    expect(files.single).toBe(true);
    expect(notes).toEqual(["tiny is the model of that name; say ./tiny for what lies here"]);
    expect(await bytesOf("./tiny")).toBe(config);
  });

  it("paths stay what they were", async () => {
    install(project, "tiny");
    cpSync(DEFAULT_MODEL, join(project, "tiny.safetensors"));
    expect((await nodeModels().open("tiny.safetensors")).name).toBe("tiny.safetensors");
    expect(await nodeModels().locate("tiny.safetensors")).toBe("tiny.safetensors");
    expect(await bytesOf(relative(project, DEFAULT_MODEL))).toBeGreaterThan(1e6);
  });

  it("the chat model is the default of conversations where its package is installed", async () => {
    install(project, "chat");
    expect(await nodeModels().chatModel()).toBe("chat");
  });
});
