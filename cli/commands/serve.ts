import { Option, type Command } from "commander";
import { ThreadError, UsageError } from "../../src/errors.ts";
import type { Listening } from "../../src/host.ts";
import type { Model } from "../../src/model.ts";
import {
  createServer,
  originCheck,
  type RequestLog,
  type Server,
  type ServerLimits,
  type ServerOptions,
  type ServerSpeculation,
} from "../../src/server/index.ts";
import type { Context, Io } from "../io.ts";
import { checkDraft, openDraft, openModel, type ModelOptions, type SpeculationOptions } from "../model.ts";
import {
  addOptions,
  CONVERSATION_MODEL,
  decimal,
  ffnOption,
  modelOption,
  quantizeOption,
  speculationOptions,
  threadsOption,
  tierOption,
  wholeNumber,
} from "../options.ts";

const API_KEY = "BLOCKFFN_API_KEY";
const LOCAL = /^(localhost|127(\.\d+){3}|::1)$/;
/** Names and pages of this machine; a browser looks up no name that ends in .localhost. */
const LOCAL_NAME = /^(([^.]+\.)*localhost|127(\.\d+){3}|\[::1\])$/;
const LOCAL_ORIGIN = /^https?:\/\/(([^./]+\.)*localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/;
/** Limits whose flags have other names. */
const FLAGS: Readonly<Record<string, string>> = {
  concurrency: "maxConcurrency",
  promptTokens: "maxPromptTokens",
  bodyBytes: "maxBody",
  allowOrigin: "cors",
};
const MAX_PORT = 65_535;

interface Options extends ModelOptions, SpeculationOptions {
  readonly port: number;
  readonly host: string;
  readonly name?: string;
  readonly apiKey?: string;
  readonly cors?: readonly string[];
  readonly maxConnections?: number;
  readonly maxConcurrency?: number;
  readonly queue?: number;
  readonly maxTokens?: number;
  readonly maxPromptTokens?: number;
  readonly maxBody?: number;
  readonly grace: number;
}

export function registerServe(program: Command, context: Context): void {
  const command = program
    .command("serve")
    .description("Serve a model over HTTP, with the API of OpenAI: /v1/models, /v1/completions, /v1/chat/completions, /healthz, /metrics.")
    .addOption(modelOption(CONVERSATION_MODEL))
    .option("-p, --port <n>", "port; 0 takes any that is free", wholeNumber, 8080)
    .option("--host <address>", "address to listen on; 0.0.0.0 for all networks", "127.0.0.1")
    .option("--name <id>", "name of the model for clients (default: its file's)")
    .option("--api-key <key>", `key that clients must send; better set ${API_KEY}, which others on this machine cannot see`)
    .option(
      "--cors <origin...>",
      "sites whose web pages may use the server, such as https://app.example; * for all " +
        "(default: those of this machine, on a local address without a key)",
    )
    .option("--max-concurrency <n>", "requests that generate at once (default: 4)", wholeNumber)
    .option("--queue <n>", "requests that may wait; more are answered 429 (default: 32)", wholeNumber)
    .option("--max-tokens <n>", "most new tokens a request (default: the model's context, at most 4096)", wholeNumber)
    .option("--max-prompt-tokens <n>", "longest prompt (default: the model's context)", wholeNumber)
    .option("--max-body <bytes>", "largest request body (default: 1048576)", wholeNumber)
    .option("--max-connections <n>", "connections at once; more are closed (default: 512)", wholeNumber)
    .option("--grace <seconds>", "time for running requests when it is told to end", decimal, 10)
    .addOption(ffnOption())
    .addOption(tierOption())
    .addOption(threadsOption())
    .addOption(quantizeOption());
  addOptions(command, speculationOptions())
    .addOption(new Option("--json", "log one JSON object a line, to stdout"))
    .addHelpText(
      "after",
      `
Examples:
  blockffn serve
  blockffn serve --model nano
  blockffn serve --model small.q4.safetensors --port 9000 --max-concurrency 2 --queue 8
  blockffn serve --model small.q4.safetensors --threads 4 --speculate ngram
  ${API_KEY}=secret blockffn serve --host 0.0.0.0 --json
  ${API_KEY}=secret blockffn serve --cors https://app.example http://localhost:3000
  curl http://127.0.0.1:8080/v1/completions -H 'content-type: application/json' -d '{"prompt": "Once upon a time", "max_tokens": 48}'`,
    )
    .action((options: Options) => serveCommand(context, options));
}

async function serveCommand(context: Context, options: Options): Promise<void> {
  const { io } = context;
  const { port, host: hostname, grace, maxConnections } = options;
  context.endsWhenTold();
  if (port < 0 || port > MAX_PORT) throw new UsageError(`must be from 0 to ${MAX_PORT}`, { field: "port", limit: MAX_PORT });
  if (grace < 0) throw new UsageError("must be 0 or more", { field: "grace" });
  if (maxConnections !== undefined && maxConnections < 1) throw new UsageError("must be 1 or more", { field: "maxConnections" });
  checkDraft(options);
  const apiKey = options.apiKey ?? io.env[API_KEY];
  const model = await openModel(context, options, "model", "conversation");
  let draft: Model | undefined;
  try {
    draft = await openDraft(context, options);
    let broken: ThreadError | undefined;
    const stop = new AbortController();
    const server = start(model, draft, options, apiKey, (entry) => {
      void log(
        io,
        options,
        { event: "request", ...entry, ...(entry.error === undefined ? {} : { error: errorText(entry.error) }) },
        requestLine(entry),
      );
      // The model cannot answer any more: whoever watches the process is to start it again.
      if (entry.error instanceof ThreadError) {
        broken = entry.error;
        stop.abort();
      }
    });
    const listening = await io.listen(server.fetch, {
      hostname,
      port,
      ...(maxConnections === undefined ? {} : { limits: { connections: maxConnections } }),
    });
    await greet(io, listening, options, apiKey !== undefined);
    await ended(context, stop.signal);
    await log(io, options, { event: "closing", graceSeconds: grace }, `closing: running requests have ${grace} s to end`);
    await server.close(grace * 1000);
    await listening.close();
    if (broken !== undefined) throw broken;
  } finally {
    draft?.dispose();
    model.dispose();
  }
}

function start(
  model: Model,
  draftModel: Model | undefined,
  options: Options,
  apiKey: string | undefined,
  onRequest: (entry: RequestLog) => void,
): Server {
  const {
    maxConcurrency: concurrency,
    queue,
    maxTokens,
    maxPromptTokens: promptTokens,
    maxBody: bodyBytes,
    name,
    speculate,
    draftTokens,
  } = options;
  const given = <T extends object>(values: { [K in keyof T]: T[K] | undefined }): T =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
  try {
    return createServer(name === undefined ? model : { [name]: model }, {
      limits: given<ServerLimits>({ concurrency, queue, maxTokens, promptTokens, bodyBytes }),
      speculation: given<ServerSpeculation>({ speculate, draftModel, draftTokens }),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...pages(options, apiKey !== undefined),
      onRequest,
    });
  } catch (error) {
    if (!(error instanceof UsageError) || error.field === undefined) throw error;
    const field = FLAGS[error.field] ?? error.field;
    throw new UsageError(error.message.replace(`${error.field}: `, ""), { field, cause: error });
  }
}

/** Which pages may use the server. */
function pages({ cors, host }: Options, hasKey: boolean): Pick<ServerOptions, "allowOrigin" | "allowHost"> {
  if (hasKey || !LOCAL.test(host)) return cors === undefined ? {} : { allowOrigin: cors };
  const listed = originCheck(cors ?? []);
  return {
    allowOrigin: (origin) => LOCAL_ORIGIN.test(origin) || listed(origin),
    // Another site's name may be given this machine's address (DNS rebinding), and its pages then pass for this server's own.
    allowHost: (hostname) => LOCAL_NAME.test(hostname),
  };
}

async function greet(io: Io, { hostname, port }: Listening, options: Options, hasKey: boolean): Promise<void> {
  const address = `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}/v1`;
  const line = `blockffn serves at ${address}`;
  if (options.json === true) await io.out(`${JSON.stringify({ event: "listening", address, port })}\n`);
  else await io.out(`${line}\n`);
  if (!hasKey && !LOCAL.test(hostname)) io.err(`blockffn: anyone who can reach this address may use it; set ${API_KEY} to ask for a key\n`);
}

/** Resolves when the process is asked to end, or `stop` is aborted. */
function ended({ signal: told }: Context, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of [told, stop]) {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    }
  });
}

async function log(io: Io, { json }: Options, entry: object, line: string): Promise<void> {
  if (json !== true) io.err(`${line}\n`);
  // A log that cannot be written is told; requests are answered on.
  else
    await io
      .out(`${JSON.stringify({ time: new Date().toISOString(), ...entry })}\n`)
      .catch((error: unknown) => io.err(`blockffn: ${errorText(error)}\n`));
}

function requestLine({ method, path, status, ms, promptTokens, completionTokens, error }: RequestLog): string {
  const tokens = promptTokens === undefined ? "" : `, ${promptTokens} + ${completionTokens ?? 0} tokens`;
  return `${method} ${path} ${status} in ${ms.toFixed(0)} ms${tokens}${error === undefined ? "" : `: ${errorText(error)}`}`;
}

function errorText(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
