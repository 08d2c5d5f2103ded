import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DEFAULT_MODEL, loadModel } from "../../host/node/index.ts";
import { runWasi, WASI_COMMAND } from "../../host/wasi/index.ts";
import { byteIds } from "../helpers/tiny-tokenizer.ts";
import { temporaryFolder, writeTinyModel } from "../helpers/tiny-folder.ts";
import { packTo, wasi, wasiJson, withoutTimings } from "../helpers/wasi.ts";

const folder = temporaryFolder();
copyFileSync(DEFAULT_MODEL, join(folder, "nano.safetensors"));
await packTo(writeTinyModel(folder, "block", false), join(folder, "no-tokenizer.safetensors"), "q8");
await packTo(writeTinyModel(folder), join(folder, "tiny.safetensors"), "q8");
mkdirSync(join(folder, "sub"));
copyFileSync(join(folder, "tiny.safetensors"), join(folder, "sub/tiny.safetensors"));
writeFileSync(join(folder, "empty"), "");

const run = (...args: string[]) => wasi(folder, args);

describe("WASI command", () => {
  it("is a module of the size that it may have, asks for WASI only, and is a command", () => {
    const bytes = readFileSync(WASI_COMMAND);
    expect(bytes.length).toBeLessThan(210_000);
    const module = new WebAssembly.Module(bytes);
    expect(new Set(WebAssembly.Module.imports(module).map(({ module: from }) => from))).toEqual(new Set(["wasi_snapshot_preview1"]));
    expect(
      WebAssembly.Module.exports(module)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(["_start", "memory"]);
  });

  it("streams text to stdout and a summary to stderr", async () => {
    const { code, stdout, stderr } = await run("--", "--model", "nano.safetensors", "--prompt", "Once upon a time", "--max-tokens", "21");
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: ", there was a little girl named Lily. She loved to play with her toys and learn new things.\n",
    });
    expect(stderr).toMatch(/^\[prompt 5 tokens at [\d.]+\/s; 21 new at [\d.]+\/s; [\d.]+ % of experts skipped; ended by length\]\n$/);
  });

  it("reads the prompt from stdin, without the line's end", async () => {
    const args = ["--model", "nano.safetensors", "--max-tokens", "7", "--json"];
    const typed = await wasi(folder, [...args, "--prompt=-"], "Once upon a time\r\n");
    expect(JSON.parse(typed.stdout)).toMatchObject({ promptTokens: 5, text: ", there was a little girl named", finishReason: "length" });
    expect((await wasi(folder, [...args, "--prompt", "-"], "")).code).toBe(2);
  });

  it.each(["off", "ngram"] as const)("gives the fields of `blockffn generate --json`, speculation %s", async (speculate) => {
    using model = await loadModel(undefined, { tier: "simd" });
    const want = await model.generate("Tom had a red car.", { maxTokens: 400, seed: 3, speculate }).result();
    const got = await wasiJson(folder, [
      "--model",
      "nano.safetensors",
      "--prompt",
      "Tom had a red car.",
      "--max-tokens",
      "400",
      "--seed",
      "3",
      "--speculate",
      speculate,
    ]);
    expect(withoutTimings(got)).toEqual({ ...withoutTimings(want), model: "nano.safetensors", quantization: "q8", tier: "simd" });
    expect(got.finishReason).toBe("eos");
    expect(got.decodeMs).toBeGreaterThan(0);
    for (const ms of Object.values(got.decisions?.chunkMs ?? {})) expect(ms).toBeGreaterThan(0);
  });

  it.each(["off", "ngram"] as const)("fills the model's whole context as the JavaScript host does, speculation %s", async (speculate) => {
    using model = await loadModel(undefined, { tier: "simd" });
    const prompt = "Once upon a time there was a little girl. ".repeat(12);
    const want = await model.generate(prompt, { maxTokens: 2000, ignoreEos: true, speculate }).result();
    const got = await wasiJson(folder, [
      "--model",
      "nano.safetensors",
      "--prompt",
      prompt,
      "--max-tokens",
      "2000",
      "--ignore-eos",
      "--speculate",
      speculate,
    ]);
    expect(got.finishReason).toBe("context");
    expect(got.tokens).toEqual(want.tokens);
    expect(got.text).toBe(want.text);
    expect(got.tls).toBe(want.tls);
    expect([got.rounds, got.draftedTokens, got.acceptedTokens]).toEqual([want.rounds, want.draftedTokens, want.acceptedTokens]);
  });

  it("drafts look-ups without changing the text, to the very end of the context", async () => {
    const args = ["--model", "tiny.safetensors", "--prompt", "the cat the cat", "--max-tokens", "500", "--ignore-eos"];
    const plain = await wasiJson(folder, args);
    const drafted = await wasiJson(folder, [...args, "--speculate", "ngram"]);
    expect(plain.finishReason).toBe("context");
    expect(drafted.tokens).toEqual(plain.tokens);
    expect(drafted.tls).toBe(plain.tls);
    expect(drafted.draftedTokens).toBeGreaterThan(0);
  });

  it("never splits a character: what it prints is UTF-8 at any moment", async () => {
    const ids = byteIds("é🙂").join(",");
    const { stdout } = await run(
      "--model",
      "tiny.safetensors",
      "--tokens",
      ids,
      "--max-tokens",
      "90",
      "--ignore-eos",
      "--temperature",
      "3",
      "--seed",
      "1",
      "--json",
    );
    const { tokens, text } = JSON.parse(stdout) as { tokens: number[]; text: string };
    using model = await loadModel(join(folder, "tiny.safetensors"));
    expect(text).toBe(model.tokenizer?.decode(tokens, { continuation: true }));
  });

  it("finds models below the folders that it was given", async () => {
    const tokens = ["--tokens", "1,5", "--max-tokens", "2"];
    for (const path of ["./sub/tiny.safetensors", "sub/../tiny.safetensors"])
      expect((await run("--model", path, ...tokens)).code, path).toBe(0);
    for (const folders of [{ "/models": folder }, { "/": folder }, { "/models/": folder, "/models/x": join(folder, "sub") }]) {
      const path = "/" in folders ? "/tiny.safetensors" : "/models/tiny.safetensors";
      expect(await runWasi(["--model", path, ...tokens], { folders, stdout: 2 })).toBe(0);
    }
    expect((await run("--model", "/etc/passwd", ...tokens)).stderr).toBe(
      "blockffn: /etc/passwd: lies in no folder that the runtime was given: pass it on, as in `wasmtime run --dir .`\n",
    );
    expect((await run("--model", "../secret", ...tokens)).code).toBe(1);
  });

  it("shows its help", async () => {
    const { code, stdout } = await run("--help");
    expect(code).toBe(0);
    for (const word of ["--model", "--prompt", "--speculate", "Examples:", "Exit codes"]) expect(stdout).toContain(word);
  });

  it.each([
    [[], "--model: is needed"],
    [["--model", "nano.safetensors"], "give a --prompt"],
    [["--model", "nano.safetensors", "--prompt", "a", "--tokens", "1"], "one of them"],
    [["--model"], "--model: needs a value"],
    [["--modle", "x"], "unknown option --modle"],
    [["--model", "m", "--prompt", ""], "--prompt: is empty"],
    [["--model", "m", "--prompt", "a", "--max-tokens", "0"], "max-tokens: must be"],
    [["--model", "m", "--prompt", "a", "--max-tokens", "-3"], "--max-tokens: must be a whole number"],
    [["--model", "m", "--prompt", "a", "--max-tokens", "99999999999999999999"], "--max-tokens: must be a whole number"],
    [["--model", "m", "--prompt", "a", "--temperature", "hot"], "--temperature: must be a number"],
    [["--model", "m", "--prompt", "a", "--temperature", "101"], "temperature: must be a number from 0 to 100"],
    [["--model", "m", "--prompt", "a", "--top-p", "1.1"], "top-p: must be"],
    [["--model", "m", "--prompt", "a", "--seed", "9007199254740992"], "--seed: must be a whole number"],
    [["--model", "m", "--prompt", "a", "--speculate", "maybe"], "--speculate: must be ngram or off"],
    [["--model", "m", "--tokens", "1,x"], "--tokens: must be a whole number"],
  ] as [string[], string][])("wrong usage %j: exit code 2", async (args, message) => {
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(message);
  });

  it.each([
    [["--model", "nothing", "--prompt", "a"], "nothing: there is no such file"],
    [["--model", "sub", "--prompt", "a"], "sub: is "],
    [["--model", "empty", "--prompt", "a"], "empty: header: has 0 bytes"],
    [["--model", "config.json", "--prompt", "a"], "config.json: header"],
    [["--model", "model.safetensors", "--prompt", "a"], "must be of dtype U8: this is not a packed model"],
    [["--model", "no-tokenizer.safetensors", "--prompt", "a"], "has no tokenizer.json"],
    [["--model", "tiny.safetensors", "--tokens", "1,100000"], "prompt: holds 100000 at place 1; token ids of this model go from 0 to"],
    [["--model", "tiny.safetensors", "--prompt", "abc ".repeat(60)], "tokens, but the context holds 96"],
  ] as [string[], string][])("what cannot be done %#: exit code 1", async (args, message) => {
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(message);
  });
});
