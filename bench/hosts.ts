// Threads on Node, Deno and in Chromium, side by side: node bench/dist/hosts.js FILE [CHROMIUM] (after npm ci in test/runtime)
import { spawnSync } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { loadModel, PACKAGE_ROOT } from "../host/node/index.ts";
import { median, table } from "./measure.ts";

const ROOT = fileURLToPath(PACKAGE_ROOT);
const RUNTIME = join(ROOT, "test/runtime");
const ROUNDS = 7;
const PROMPT = [1, 2, 3, 4];
const OPTIONS = { maxTokens: 48, ignoreEos: true, speculate: "off" } as const;
const THREADS = [1, 2];

/** Tokens a second by thread count, a number for each round. */
type Speeds = number[][];

/** What every host does, as the text of a function: models of 1 and 2 threads, in turn. */
async function measure(
  load: (
    threads: number,
  ) => Promise<{ generate(prompt: number[], options: object): { result(): Promise<{ decodeTokensPerSecond: number }> }; dispose(): void }>,
  { threads, rounds, prompt, options }: { threads: number[]; rounds: number; prompt: number[]; options: object },
): Promise<Speeds> {
  const models = [];
  for (const n of threads) models.push(await load(n));
  const speeds: Speeds = models.map(() => []);
  // The first two rounds compile.
  for (let round = -2; round < rounds; round++) {
    for (const [i, model] of models.entries()) {
      const { decodeTokensPerSecond } = await model.generate(prompt, options).result();
      if (round >= 0) speeds[i]?.push(decodeTokensPerSecond);
    }
  }
  for (const model of models) model.dispose();
  return speeds;
}

const WORK = { threads: THREADS, rounds: ROUNDS, prompt: PROMPT, options: OPTIONS };

const onNode = (file: string): Promise<Speeds> => measure((threads) => loadModel(file, { threads, tier: "simd" }), WORK);

function onDeno(file: string): Speeds {
  const folder = join(RUNTIME, "node_modules/@deno");
  const deno = existsSync(folder)
    ? readdirSync(folder)
        .map((name) => join(folder, name, "deno"))
        .find((path) => existsSync(path))
    : undefined;
  if (deno === undefined) throw new Error("deno is not installed; run npm ci in test/runtime");
  const code =
    `import { loadModel } from ${JSON.stringify(new URL("dist/lib/deno.js", PACKAGE_ROOT).href)};
    console.log(JSON.stringify(await (${measure.toString()})((threads) => ` +
    `loadModel(${JSON.stringify(file)}, { threads, tier: "simd" }), ${JSON.stringify(WORK)})));`;
  const { status, stdout, stderr } = spawnSync(deno, ["eval", "--cached-only", code], { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Speeds;
}

async function onChromium(file: string, executablePath: string): Promise<Speeds> {
  const { answer } = (await import(pathToFileURL(join(ROOT, "scripts/serve.mjs")).href)) as { answer: RequestListener };
  const isolated = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };
  const server = createServer((request, response) => {
    if (request.url === "/page") response.writeHead(200, { ...isolated, "Content-Type": "text/html" }).end("<!doctype html>");
    else if (request.url === "/model")
      createReadStream(file).pipe(response.writeHead(200, { ...isolated, "Content-Length": statSync(file).size }));
    else answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { chromium } = createRequire(join(RUNTIME, "package.json"))("playwright-core") as {
    chromium: {
      launchPersistentContext(
        profile: string,
        options: object,
      ): Promise<{
        newPage(): Promise<{ goto(url: string): Promise<unknown>; evaluate<T>(code: string): Promise<T> }>;
        close(): Promise<void>;
      }>;
    };
  };
  const profile = mkdtempSync(join(tmpdir(), "blockffn-chromium-"));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: ["--no-sandbox", "--disable-gpu"],
  });
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/page`);
    return await page.evaluate(
      `import("/dist/browser/blockffn.js").then(({ loadModelInWorker }) =>
      (${measure.toString()})((threads) => loadModelInWorker("/model", { threads, tier: "simd", cache: false }` +
        `), ${JSON.stringify(WORK)}))`,
    );
  } finally {
    await browser.close();
    rmSync(profile, { recursive: true, force: true });
    server.closeAllConnections();
    server.close();
  }
}

async function main(): Promise<void> {
  const [file, chromium = "/usr/bin/chromium"] = process.argv.slice(2);
  if (file === undefined) throw new Error("give a packed model");
  const hosts: [string, () => Promise<Speeds>][] = [
    ["Node", () => onNode(file)],
    ["Deno", async () => onDeno(file)],
    ["Chromium", () => onChromium(file, chromium)],
  ];
  const rows: (string | number)[][] = [];
  for (const [host, run] of hosts) {
    const [one, two] = (await run()).map(median) as [number, number];
    rows.push([host, one, two, two / one]);
  }
  console.log(table(["host", "1 thread tok/s", "2 threads tok/s", "ratio"], rows));
}

await main();
