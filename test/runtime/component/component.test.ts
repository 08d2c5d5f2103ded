import { execFile, spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_MODEL, loadModel, PACKAGE_ROOT } from "../../../host/node/index.ts";
import { denoBinary } from "../installed.ts";
import { MAX_TOKENS, PROMPTS } from "../prompts.ts";
import { readmeExample } from "../readme.ts";
import { describeTool } from "../wasi/runtimes.ts";

const HERE = import.meta.dirname;
const COMPONENT = join(PACKAGE_ROOT.pathname, "dist/wasi/blockffn.component.wasm");
const PYTHON = join(HERE, "../wasi/installed/python/bin/python");
/** With what a model takes beside its file, so many of them do not fit into 4 GiB. */
const LOADS = 420;
const STOPS = [["girl"], ["nothing", " named", "amed"], [" Lily. "], ["</s>"], []];
const WANTED = JSON.stringify({ stops: STOPS, maxTokens: MAX_TOKENS, prompts: PROMPTS.map(({ prompt }) => prompt), loads: LOADS });
const GREEDY = PROMPTS.map(({ tokens, text }) => ({ tokens, text }));

interface Statistics {
  promptTokens: number;
  newTokens: number;
  finish: string;
  eosToken?: number;
  stopText?: string;
  tokenSparsity: number;
  rounds: number;
  draftedTokens: number;
  acceptedTokens: number;
  expertsPerChunk?: number;
}

interface Output {
  greedy: { tokens: number[]; text: string; statistics: Statistics }[];
  drafted: { tokens: number[]; text: string; statistics: Statistics }[];
  again: number;
  stopped: { tokens: number[]; text: string; statistics: Statistics }[];
  sampled: number[];
  errors: string[];
}

function run(tool: string, args: readonly string[]): Promise<Output> {
  return new Promise((resolve, reject) => {
    execFile(tool, args, { timeout: 120_000, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
      error === null ? resolve(JSON.parse(stdout) as Output) : reject(new Error(`${error.message}\n${stderr}`)),
    );
  });
}

const texts = (list: readonly { tokens: readonly number[]; text: string }[]) => list.map(({ tokens, text }) => ({ tokens, text }));
/** What the JavaScript host says of the first prompt with each list of stop texts. */
async function stopped() {
  using model = await loadModel(undefined, { tier: "simd" });
  const all = [];
  for (const stop of STOPS) {
    const { text, tokens, finishReason, stopText } = await model
      .generate(PROMPTS[0]!.prompt, { maxTokens: MAX_TOKENS, stop, speculate: "off" })
      .result();
    all.push({ text, tokens, finish: finishReason, stopText: stopText ?? undefined });
  }
  return all;
}
const HINT = "run npm ci in test/runtime/component, and npm run build:component";

function javaScriptHost(name: string, tool: string, before: readonly string[]): void {
  describe(`component on ${name}`, () => {
    let output: Output;
    beforeAll(async () => {
      output = await run(tool, [...before, join(HERE, "ten-prompts.mjs"), DEFAULT_MODEL, WANTED]);
    }, 120_000);

    it("the ten prompts of every host, from a path and from bytes, plain and with drafts", () => {
      expect(texts(output.greedy)).toEqual(GREEDY);
      expect(texts(output.drafted)).toEqual(GREEDY);
    });

    it("draws the tokens of the JavaScript host, and counts sparsity as it does", async () => {
      using model = await loadModel(undefined, { tier: "simd" });
      expect(output.sampled).toEqual(
        (await model.generate("A big dog", { temperature: 0.9, topP: 0.95, seed: 11, maxTokens: 48 }).result()).tokens,
      );
      const plain = await model.generate(PROMPTS[0]!.prompt, { maxTokens: MAX_TOKENS }).result();
      const drafted = await model.generate(PROMPTS[0]!.prompt, { maxTokens: MAX_TOKENS, speculate: "ngram" }).result();
      expect(output.greedy[0]!.statistics).toMatchObject({
        promptTokens: plain.promptTokens,
        newTokens: MAX_TOKENS,
        finish: "length",
        tokenSparsity: plain.tls,
        rounds: 0,
      });
      const { rounds, draftedTokens, acceptedTokens, expertsPerChunk } = drafted;
      expect(output.drafted[0]!.statistics).toMatchObject({
        tokenSparsity: drafted.tls,
        rounds,
        draftedTokens,
        acceptedTokens,
        expertsPerChunk,
      });
    });

    it("ends before a stop text, and says which, as the JavaScript host", async () => {
      const wanted = await stopped();
      expect(output.stopped.map(({ text, tokens, statistics: { finish, stopText } }) => ({ text, tokens, finish, stopText }))).toEqual(
        wanted,
      );
      expect(wanted.map(({ finish }) => finish)).toContain("stop");
      expect(wanted.map(({ finish }) => finish)).toContain("length");
    });

    it("models and generations that are dropped leave their memory to the next ones", async () => {
      using model = await loadModel(undefined, { tier: "simd" });
      expect(output.again).toBe((await model.generate([1], { maxTokens: 1 }).result()).tokens[0]);
    });

    it("errors name the file and the field", () => {
      expect(output.errors).toEqual([
        "nothing: there is no such file",
        expect.stringContaining("four bytes: header: has 4 bytes"),
        expect.stringContaining("prompt: holds 99999 at place 1"),
        "top-p: must be a number from 0 to 1",
        expect.stringContaining("stop: must be a text of 1 to"),
        "stop: are more than 64",
      ]);
    });
  });
}

if (existsSync(COMPONENT)) javaScriptHost("Node (jco)", process.execPath, []);
else describeTool("component on Node (jco)", COMPONENT, HINT, () => {});

describeTool("the README's example of the component", COMPONENT, HINT, () => {
  it("runs", () => {
    // Its paths are those of a clone: the file goes to the root for as long as it runs.
    const file = join(PACKAGE_ROOT.pathname, `.component-example-${process.pid}.mjs`);
    writeFileSync(file, readmeExample("### Component", "js"));
    try {
      const { status, stdout } = spawnSync(process.execPath, [file], { cwd: PACKAGE_ROOT.pathname, encoding: "utf8" });
      expect({ status, stdout }).toEqual({ status: 0, stdout: PROMPTS[0]!.text });
    } finally {
      rmSync(file);
    }
  });
});

const deno = denoBinary();
if (existsSync(COMPONENT) && deno !== undefined)
  javaScriptHost("Deno (jco)", deno, ["run", "--allow-read", "--allow-env=JCO_DEBUG", "--no-prompt"]);
else describeTool("component on Deno (jco)", "", `${HINT}, and npm ci in test/runtime`, () => {});

describeTool(
  "component on wasmtime (Python)",
  existsSync(COMPONENT) ? PYTHON : COMPONENT,
  `${HINT}, and test/runtime/wasi/install.sh`,
  () => {
    it("the ten prompts of every host, plain and with drafts", { timeout: 180_000 }, async () => {
      const output = await run(PYTHON, [join(HERE, "ten_prompts.py"), COMPONENT, DEFAULT_MODEL, WANTED]);
      expect(output.greedy).toEqual(GREEDY);
      expect(output.drafted).toEqual(GREEDY);
      expect(texts(output.stopped)).toEqual(texts(await stopped()));
    });
  },
);
