import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { listen, loadModel, PACKAGE_ROOT } from "../host/node/index.ts";
import { BlockFFNError } from "../src/errors.ts";
import { createServer } from "../src/server/index.ts";
import { median } from "./measure.ts";

export interface ServerResult {
  /** `library` generates without a server, the others through one on loopback. */
  readonly how: "library" | "whole" | "stream";
  /** Requests at once. */
  readonly requests: number;
  /** New tokens a second of all requests together, prompts included in the time: median of alternating rounds. */
  readonly tokensPerSecond: number;
}

export interface ServerReport {
  readonly results: readonly ServerResult[];
  /** From the start of a `blockffn serve` process to its first answer, milliseconds: median. */
  readonly firstAnswerMs: number;
}

const PROMPT = "Once upon a time";
const TOKENS = 128;
const ROUNDS = 9;
const STARTS = 5;

/** What the server costs on top of the library, and how long it takes to start. */
export async function benchServer(path: string, onProgress: (what: string) => void): Promise<ServerReport> {
  const model = await loadModel(path);
  const server = createServer(model, { limits: { concurrency: 4 } });
  const listening = await listen(server.fetch, { hostname: "127.0.0.1", port: 0 });
  const library = async (): Promise<void> => void (await model.generate(PROMPT, { maxTokens: TOKENS, ignoreEos: true }).result());
  const cases = ([1, 4] as const).flatMap((requests) => [
    { how: "library" as const, requests, one: library },
    { how: "whole" as const, requests, one: () => ask(listening.port, false) },
    { how: "stream" as const, requests, one: () => ask(listening.port, true) },
  ].map((entry) => ({ ...entry, times: [] as number[] })));
  for (let round = -1; round < ROUNDS; round++) {
    onProgress(`server, round ${round + 1} of ${ROUNDS}`);
    for (const { requests, one, times } of cases) {
      const start = performance.now();
      await Promise.all(Array.from({ length: requests }, one));
      if (round >= 0) times.push(performance.now() - start);
    }
  }
  await listening.close();
  model.dispose();
  const starts: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    onProgress(`server, start ${i + 1} of ${STARTS}`);
    starts.push(await firstAnswer(path));
  }
  return {
    results: cases.map(({ how, requests, times }) => ({ how, requests, tokensPerSecond: (requests * TOKENS * 1000) / median(times) })),
    firstAnswerMs: median(starts),
  };
}

async function ask(port: number, stream: boolean, maxTokens = TOKENS): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/completions`, {
    method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ prompt: PROMPT, max_tokens: maxTokens, temperature: 0, ignore_eos: true, stream }),
  });
  const text = await response.text();
  if (response.status !== 200) throw new BlockFFNError(`the server answered ${response.status} while it was measured: ${text.slice(0, 200)}`);
}

async function firstAnswer(path: string): Promise<number> {
  const start = performance.now();
  const child = spawn(process.execPath, [fileURLToPath(new URL("dist/cli/main.js", PACKAGE_ROOT)), "serve", "--model", path, "--port", "0", "--json"], { stdio: ["ignore", "pipe", "ignore"] });
  try {
    const port = await new Promise<number>((resolve, reject) => {
      child.stdout.once("data", (data: Buffer) => resolve((JSON.parse(data.toString().split("\n")[0] ?? "") as { port: number }).port));
      child.once("exit", () => reject(new BlockFFNError("the server ended while it was measured")));
    });
    await ask(port, false, 1);
    return performance.now() - start;
  } finally {
    child.kill("SIGKILL");
  }
}
