import { nodeHost } from "../host/node/engine.ts";
import { nodeModels } from "../host/node/models.ts";
import { DEFAULT_MODEL, packageVersion } from "../host/node/package.ts";
import { listen } from "../host/http/listen.ts";
import { writeError } from "../host/node/files.ts";
import { LimitError } from "../src/errors.ts";
import type { Io } from "./io.ts";
import { PipedLines } from "./lines.ts";
import { TerminalLines } from "./node-lines.ts";
import { INTERRUPTED, TERMINATED } from "./run.ts";

/** The first signal asks politely; who asks again means it, unless the handler deals with each. */
function onSignal(name: NodeJS.Signals, code: number, handler: () => boolean | void): () => void {
  let asked = false;
  const listener = (): void => {
    if (asked) process.exit(code);
    asked = handler() !== true;
  };
  process.on(name, listener);
  return () => process.off(name, listener);
}

/** A reader that went away (| head) is no error, and nobody is left to write for. */
function leaveWithReader(cause: NodeJS.ErrnoException): void {
  if (cause.code === "EPIPE") process.exit(0);
}

/** The process as the commands see it. */
export const nodeIo: Io = {
  host: nodeHost,
  defaultModel: DEFAULT_MODEL,
  models: nodeModels(),
  version: packageVersion(),
  env: process.env,
  stdoutIsTty: process.stdout.isTTY === true,
  stderrIsTty: process.stderr.isTTY === true,
  stdinIsTty: process.stdin.isTTY === true,
  out: (text) =>
    new Promise((resolve, reject) =>
      process.stdout.write(text, (cause) => {
        if (cause === undefined || cause === null) return resolve();
        leaveWithReader(cause);
        reject(writeError("standard output", cause));
      }),
    ),
  err: (text) => void process.stderr.write(text),
  async readInput(limit) {
    const parts: Buffer[] = [];
    let size = 0;
    for await (const part of process.stdin as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > limit) throw new LimitError(`holds more than ${limit} bytes`, { file: "standard input", limit });
      parts.push(part);
    }
    return Buffer.concat(parts).toString("utf8");
  },
  lines: (limit) => (process.stdin.isTTY ? new TerminalLines() : new PipedLines(process.stdin as AsyncIterable<Uint8Array>, limit)),
  onInterrupt: (handler) => onSignal("SIGINT", INTERRUPTED, handler),
  onTerminate: (handler) => onSignal("SIGTERM", TERMINATED, handler),
  listen,
};

process.stdout.on("error", leaveWithReader);
process.stderr.on("error", () => undefined);
