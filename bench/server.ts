import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { loadModel, PACKAGE_ROOT } from "../host/node/index.ts";
import { BlockFFNError } from "../src/errors.ts";
import type { Model } from "../src/model.ts";
import { median } from "./measure.ts";

export interface ServerResult {
  /** `library` generates in this process, without a server; the others ask a `blockffn serve` process on loopback. */
  readonly how: "library" | "whole" | "stream";
  /** Requests at once. */
  readonly atOnce: number;
  /** Of all requests together, prompts included in the time: median of alternating rounds. */
  readonly requestsPerSecond: number;
  readonly tokensPerSecond: number;
  /** Milliseconds from asking to the first text, waiting for a slot included, of all requests; undefined where the answer comes whole. */
  readonly firstToken: { readonly p50: number; readonly p99: number } | undefined;
}

export interface ServerReport {
  readonly results: readonly ServerResult[];
  /** Requests that the server runs at once; more wait in its queue. */
  readonly concurrency: number;
  /** From the start of a `blockffn serve` process to its first answer, milliseconds: median. */
  readonly firstAnswerMs: number;
}

const PROMPT = "Once upon a time";
const TOKENS = 128;
const AT_ONCE = [1, 4, 16] as const;
/** The server's default. */
const CONCURRENCY = 4;
/** Requests of a case in a round; after a round to warm up, there are so many of them. */
const REQUESTS = 16;
const ROUNDS = 13;
const QUICK_ROUNDS = 3;
const STARTS = 5;

/** One request; gives the milliseconds to its first text, undefined where it comes whole. */
type Ask = () => Promise<number | undefined>;

/** What the server costs on top of the library at several requests at once, and how long it takes to start. */
export async function benchServer(path: string, quick: boolean, onProgress: (what: string) => void): Promise<ServerReport> {
  const rounds = quick ? QUICK_ROUNDS : ROUNDS;
  const model = await loadModel(path);
  const { child, port } = await startServer(path);
  const ways: Record<ServerResult["how"], Ask> = {
    library: () => generate(model),
    whole: () => ask(port, false),
    stream: () => ask(port, true),
  };
  const cases = AT_ONCE.flatMap((atOnce) =>
    (["library", "whole", "stream"] as const).map((how) => ({ how, atOnce, seconds: [] as number[], first: [] as number[] })),
  );
  try {
    for (let round = 0; round <= rounds; round++) {
      onProgress(`server, round ${round} of ${rounds}`);
      for (const { how, atOnce, seconds, first } of cases) {
        const { ms, firsts } = await load(ways[how], atOnce);
        if (round === 0) continue;
        seconds.push(ms / 1000);
        first.push(...firsts);
      }
    }
  } finally {
    child.kill("SIGKILL");
    model.dispose();
  }
  const starts: number[] = [];
  for (let i = 0; i < STARTS; i++) {
    onProgress(`server, start ${i + 1} of ${STARTS}`);
    starts.push(await firstAnswer(path));
  }
  return {
    results: cases.map(({ how, atOnce, seconds, first }) => ({
      how,
      atOnce,
      requestsPerSecond: REQUESTS / median(seconds),
      tokensPerSecond: (REQUESTS * TOKENS) / median(seconds),
      firstToken: first.length === 0 ? undefined : { p50: quantile(first, 0.5), p99: quantile(first, 0.99) },
    })),
    concurrency: CONCURRENCY,
    firstAnswerMs: median(starts),
  };
}

/** REQUESTS of them, `atOnce` under way at any time. */
async function load(one: Ask, atOnce: number): Promise<{ ms: number; firsts: number[] }> {
  const firsts: number[] = [];
  let left = REQUESTS;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left-- > 0) {
        const first = await one();
        if (first !== undefined) firsts.push(first);
      }
    }),
  );
  return { ms: performance.now() - start, firsts };
}

async function generate(model: Model): Promise<number> {
  const start = performance.now();
  let first: number | undefined;
  const generation = model.generate(PROMPT, { maxTokens: TOKENS, ignoreEos: true });
  for await (const { text } of generation) if (text !== "") first ??= performance.now() - start;
  if ((await generation.result()).tokens.length !== TOKENS) throw new BlockFFNError("a generation ended early while it was measured");
  return first as number;
}

async function ask(port: number, stream: boolean, maxTokens = TOKENS): Promise<number | undefined> {
  const start = performance.now();
  const response = await fetch(`http://127.0.0.1:${port}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      prompt: PROMPT,
      max_tokens: maxTokens,
      temperature: 0,
      ignore_eos: true,
      stream,
      ...(stream && { stream_options: { include_usage: true } }),
    }),
  });
  let first: number | undefined;
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (first === undefined && /"text":"[^"]/.test(text)) first = performance.now() - start;
  }
  if (response.status !== 200)
    throw new BlockFFNError(`the server answered ${response.status} while it was measured: ${text.slice(0, 200)}`);
  const tokens = Number(/"completion_tokens":(\d+)/.exec(text)?.[1]);
  if (tokens !== maxTokens) throw new BlockFFNError(`the server gave ${tokens} tokens of ${maxTokens} while it was measured`);
  return stream ? first : undefined;
}

async function startServer(path: string): Promise<{ child: ChildProcess; port: number }> {
  const cli = fileURLToPath(new URL("dist/lib/cli.js", PACKAGE_ROOT));
  const child = spawn(
    process.execPath,
    [cli, "serve", "--model", path, "--port", "0", "--max-concurrency", String(CONCURRENCY), "--json"],
    { stdio: ["ignore", "pipe", "ignore"] },
  );
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once("data", (data: Buffer) => resolve((JSON.parse(data.toString().split("\n")[0] ?? "") as { port: number }).port));
    child.once("exit", () => reject(new BlockFFNError("the server ended while it was measured")));
  });
  // Its log is not read, and must not fill the pipe.
  child.stdout.resume();
  return { child, port };
}

async function firstAnswer(path: string): Promise<number> {
  const start = performance.now();
  const { child, port } = await startServer(path);
  try {
    await ask(port, false, 1);
    return performance.now() - start;
  } finally {
    child.kill("SIGKILL");
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] as number;
}
