import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { build } from "esbuild";
import ts from "typescript";
import { beforeAll, describe, expect, it } from "vitest";
import { root } from "../helpers/test-host.ts";
import { temporaryFolder } from "../helpers/tiny-folder.ts";
import { PROMPTS } from "../runtime/prompts.ts";
import { section } from "../runtime/readme.ts";

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
/** The entries that are modules, by their path; the others are files. */
const modules = Object.entries(manifest.exports).flatMap(([path, entry]) => (typeof entry === "string" ? [] : [{ path, ...entry }]));
const built = existsSync(join(root, "dist/lib/node.js")) && existsSync(join(root, "dist/wasi/blockffn.wasi.wasm"));
if (!built) console.log("skipped: the packed package (run npm run build)");

/** Entries that Node cannot import: they need a page, Deno, or a bundler that takes .wasm. They have tests in test/runtime. */
const ELSEWHERE = ["./browser", "./deno", "./workers"];

describe.skipIf(!built)("the package as npm packs it", () => {
  const folder = temporaryFolder();
  const installed = join(folder, "node_modules/blockffn");

  beforeAll(() => {
    const packed = spawnSync("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], { cwd: root, encoding: "utf8" });
    const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
    mkdirSync(join(folder, "node_modules"));
    expect(spawnSync("tar", ["-xzf", join(folder, filename), "-C", folder]).status).toBe(0);
    renameSync(join(folder, "package"), installed);
    // Its dependencies and no more: libraries that it needs besides are in it.
    for (const name of Object.keys(manifest.dependencies)) {
      mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true });
      symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
    }
  }, 60_000);

  /** What a module in a project that has the package installed prints, as JSON. */
  function project(script: string): unknown {
    writeFileSync(join(folder, "script.mjs"), script);
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--no-warnings", "script.mjs"], { cwd: folder, encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    return JSON.parse(stdout);
  }

  it("has the files of every entry, and its types with all that they import", () => {
    for (const { types, default: code } of modules) {
      expect(existsSync(join(installed, code)), code).toBe(true);
      checkTypes(join(installed, types), new Set());
    }
    for (const program of Object.values(manifest.bin))
      expect(readFileSync(join(installed, program), "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  function checkTypes(file: string, seen: Set<string>): void {
    if (seen.has(file)) return;
    seen.add(file);
    expect(existsSync(file), file).toBe(true);
    for (const [, name = ""] of readFileSync(file, "utf8").matchAll(/(?:from|import) ?\(?"([^"]+)"/g)) {
      if (name.startsWith(".")) checkTypes(join(dirname(file), name.replace(/\.[jt]s$/, ".d.ts")), seen);
      else expect(Object.keys(manifest.dependencies), `${name} of ${file}`).toContain(name);
    }
  }

  it("gives its model and its manifest by name", () => {
    expect(
      project(`
      import { createRequire } from "node:module";
      import { fileURLToPath } from "node:url";
      import manifest from "blockffn/package.json" with { type: "json" };
      import { DEFAULT_MODEL } from "blockffn/node";
      const model = fileURLToPath(import.meta.resolve("blockffn/models/blockffn-nano.q8.safetensors"));
      console.log(JSON.stringify([manifest.name, createRequire(import.meta.url)("blockffn/package.json").version, model === DEFAULT_MODEL]));`),
    ).toEqual(["blockffn", "0.1.0", true]);
  });

  it("has what its documents link to", () => {
    const documents = readdirSync(installed, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".md"));
    expect(documents).toEqual(expect.arrayContaining(["README.md", "RATIONALE.md", "CONTRIBUTING.md", join("bench", "RESULTS.md")]));
    for (const name of documents) {
      for (const [, link = ""] of readFileSync(join(installed, name), "utf8").matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
        if (!/^[a-z]+:/.test(link)) expect(existsSync(join(installed, dirname(name), link)), `${link} of ${name}`).toBe(true);
      }
    }
  });

  it("lists each room's decisions in one index", () => {
    const rooms = readdirSync(installed, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(`${sep}RATIONALE.md`));
    const index = readFileSync(join(installed, "RATIONALE.md"), "utf8");
    expect(rooms.length).toBeGreaterThan(10);
    for (const name of rooms) expect(index).toContain(`| [${dirname(name)}/](${name}) |`);
  });

  it.each([
    ["NodeNext", "NodeNext"],
    ["Node16", "Node16"],
    ["ESNext", "Bundler"],
  ])("has types that stand by themselves (module %s, resolution %s, skipLibCheck false)", (module, moduleResolution) => {
    const lines = modules.map(({ path }, i) => `export * as part${i} from ${JSON.stringify(path.replace(/^\./, "blockffn"))};`);
    writeFileSync(
      join(folder, "consumer.ts"),
      `${lines.join("\n")}\nimport { loadModel } from "blockffn/node";\nexport const text: Promise<string> = loadModel().then((model) => model.generate("a").result()).then((result) => result.text);\n`,
    );
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    const { options, errors } = ts.convertCompilerOptionsFromJson(
      { module, moduleResolution, target: "ES2022", strict: true, skipLibCheck: false, noEmit: true, types: [] },
      folder,
    );
    expect(errors).toEqual([]);
    const diagnostics = ts.getPreEmitDiagnostics(ts.createProgram([join(folder, "consumer.ts")], options));
    expect(
      diagnostics.map(({ file, messageText }) => `${file?.fileName ?? ""}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`),
    ).toEqual([]);
  });

  it("is bundled by esbuild, with the files beside it that the README says", async () => {
    const out = join(folder, "out");
    writeFileSync(
      join(folder, "page.js"),
      'import { loadModelInWorker } from "blockffn/browser";\nexport const load = () => loadModelInWorker("./model.safetensors");\n',
    );
    await build({ absWorkingDir: folder, entryPoints: ["page.js"], outdir: out, bundle: true, format: "esm", logLevel: "error" });
    const copy = /`(cp node_modules\S+ out\/)`/.exec(section("### Browser"))?.[1];
    expect(spawnSync("bash", ["-c", copy as string], { cwd: folder, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
    for (const script of ["page.js", "worker.js"]) {
      const asked = Array.from(
        readFileSync(join(out, script), "utf8").matchAll(/new URL\("\.\/([^"]+)",\s*import\.meta\.url\)/g),
        ([, name]) => name as string,
      );
      expect(asked).toContain("engine.relaxed.threads.wasm");
      for (const name of asked) expect(existsSync(join(out, name)), name).toBe(true);
    }
  });

  it("keeps its bundle in one folder, from where the package's root is found, with the licences of what it holds", () => {
    const entries = readdirSync(join(installed, "dist/lib"), { withFileTypes: true });
    expect(entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)).toEqual([]);
    const licences = readFileSync(join(installed, "dist/lib/LICENSES.txt"), "utf8");
    for (const library of ["valibot", "hono", "@hono/node-server"]) expect(licences).toContain(`\n${library} `);
    expect(readFileSync(join(installed, "dist/browser/LICENSES.txt"), "utf8")).toContain("\nvalibot ");
  });

  it("has one error class, from whichever entry it comes", () => {
    const names = modules
      .map(({ path }) => path)
      .filter((name) => !ELSEWHERE.includes(name))
      .map((name) => name.replace(/^\./, "blockffn"));
    expect(names).toEqual(["blockffn", "blockffn/node", "blockffn/server", "blockffn/train", "blockffn/wasi"]);
    expect(
      project(`
      const [portable, node, server, train] = await Promise.all(${JSON.stringify(names.slice(0, 4))}.map((name) => import(name)));
      const caught = async (call) => { try { await call(); } catch (error) { return [error instanceof portable.BlockFFNError, error instanceof node.BlockFFNError, error.name]; } };
      const model = await node.loadModel();
      console.log(JSON.stringify([
        model instanceof portable.Model,
        await caught(() => node.loadModel("nowhere")), await caught(() => portable.loadModel(node.nodeHost, "nowhere")),
        await caught(() => server.createServer(model, { limits: { concurrency: 0 } })), await caught(() => train.parseTrainConfig(new Uint8Array(), "empty.json")),
      ]));`),
    ).toEqual([
      true,
      [true, true, "SourceError"],
      [true, true, "SourceError"],
      [true, true, "UsageError"],
      [true, true, expect.stringMatching(/Error$/)],
    ]);
  });

  it("generates through the library, with two threads, and through the server", () => {
    const { text, tokens } = PROMPTS[0]!;
    const [one, two, served] = project(`
      import { loadModel } from "blockffn/node";
      import { createServer } from "blockffn/server";
      const answers = [];
      for (const threads of [1, 2]) {
        const model = await loadModel(undefined, { tier: "simd", threads });
        const { tokens } = await model.generate(${JSON.stringify(PROMPTS[0]!.prompt)}, { maxTokens: 8 }).result();
        answers.push({ threads: model.threads, tokens });
        if (threads === 2) {
          const body = JSON.stringify({ prompt: ${JSON.stringify(PROMPTS[0]!.prompt)}, max_tokens: 8, temperature: 0 });
          const answer = await createServer(model).fetch(new Request("http://local/v1/completions", { method: "POST", body, headers: { "content-type": "application/json" } }));
          answers.push((await answer.json()).choices[0].text);
        }
        model.dispose();
      }
      console.log(JSON.stringify(answers));`) as [object, object, string];
    expect([one, two]).toEqual([1, 2].map((threads) => ({ threads, tokens: tokens.slice(0, 8) })));
    expect(text.startsWith(served) && served.length > 0).toBe(true);
  });

  it("generates through the WASI command, whose absence is one of the package's errors", () => {
    const [code, ours] = project(`
      import { closeSync, openSync, renameSync } from "node:fs";
      import { BlockFFNError, DEFAULT_MODEL } from "blockffn/node";
      import { runWasi, WASI_COMMAND } from "blockffn/wasi";
      import { dirname, basename } from "node:path";
      renameSync(WASI_COMMAND, WASI_COMMAND + ".away");
      const ours = await runWasi([]).catch((error) => error instanceof BlockFFNError);
      renameSync(WASI_COMMAND + ".away", WASI_COMMAND);
      const [stdout, stderr] = ["out.txt", "timings.txt"].map((name) => openSync(name, "w"));
      const code = await runWasi(["--model", basename(DEFAULT_MODEL), "--prompt", ${JSON.stringify(PROMPTS[0]!.prompt)}, "--max-tokens", "8"], { folders: { ".": dirname(DEFAULT_MODEL) }, stdout, stderr });
      for (const file of [stdout, stderr]) closeSync(file);
      console.log(JSON.stringify([code, ours]));`) as [number, boolean];
    expect([code, ours]).toEqual([0, true]);
    const out = readFileSync(join(folder, "out.txt"), "utf8").trimEnd();
    expect(PROMPTS[0]!.text.startsWith(out) && out.length > 0).toBe(true);
  });
});
