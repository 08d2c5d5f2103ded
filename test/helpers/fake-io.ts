import { nodeHost } from "../../host/node/engine.ts";
import { nodeModels } from "../../host/node/models.ts";
import { listen } from "../../host/http/listen.ts";
import type { Io } from "../../cli/io.ts";
import { runBenchProgram } from "../../bench/cli/bench.ts";
import { PipedLines } from "../../cli/lines.ts";
import { runBlockffn as run } from "../../cli/blockffn.ts";

export interface RunResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface FakeIo extends Io {
  /** What was written. */
  stdout: string;
  stderr: string;
  interrupt(): void;
  terminate(): void;
  readonly listeners: number;
}

/** The command line's world with strings for streams. */
export function fakeIo(overrides: Partial<Io> & { readonly stdin?: string } = {}): FakeIo {
  const handlers = new Set<() => boolean>();
  const terminators = new Set<() => void>();
  const io: FakeIo = {
    host: nodeHost,
    defaultModel: "/no/default/model",
    models: {
      locate: (location) => nodeModels().locate(location),
      chatModel: async () => undefined,
      list: () => nodeModels().list(),
      remove: (model) => nodeModels().remove(model),
      removeUnfinished: () => nodeModels().removeUnfinished(),
    },
    version: "1.2.3",
    env: {},
    stdoutIsTty: false,
    stderrIsTty: false,
    stdinIsTty: true,
    stdout: "",
    stderr: "",
    out: async (text) => void (io.stdout += text),
    err: (text) => void (io.stderr += text),
    readInput: async () => overrides.stdin ?? "",
    lines: (limit) =>
      new PipedLines(
        (async function* () {
          yield new TextEncoder().encode(overrides.stdin ?? "");
        })(),
        limit,
      ),
    onInterrupt: (handler) => {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
    onTerminate: (handler) => {
      terminators.add(handler);
      return () => terminators.delete(handler);
    },
    terminate: () => terminators.forEach((handler) => handler()),
    listen,
    interrupt: () => handlers.forEach((handler) => handler()),
    get listeners() {
      return handlers.size;
    },
  };
  return Object.assign(io, overrides);
}

type Overrides = Partial<Io> & { readonly stdin?: string };

/** Runs a command in this process. */
export const blockffn = (args: readonly string[], overrides: Overrides = {}): Promise<RunResult> => runIn(run, args, overrides);

/** `npm run bench -- ...` in this process. */
export const bench = (args: readonly string[], overrides: Overrides = {}): Promise<RunResult> => runIn(runBenchProgram, args, overrides);

async function runIn(program: typeof run, args: readonly string[], overrides: Overrides): Promise<RunResult> {
  const io = fakeIo(overrides);
  const code = await program(args, io);
  return { code, out: io.stdout, err: io.stderr };
}
