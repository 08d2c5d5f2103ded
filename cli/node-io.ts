import { nodeHost } from "../host/node/engine.ts";
import { DEFAULT_MODEL, packageVersion } from "../host/node/package.ts";
import { listen } from "../host/http/listen.ts";
import { LimitError } from "../src/errors.ts";
import type { Io } from "./io.ts";

const INTERRUPTED = 130;

/** The process as the commands see it. */
export const nodeIo: Io = {
  host: nodeHost,
  defaultModel: DEFAULT_MODEL,
  version: packageVersion(),
  env: process.env,
  stdoutIsTty: process.stdout.isTTY === true,
  stderrIsTty: process.stderr.isTTY === true,
  stdinIsTty: process.stdin.isTTY === true,
  out: (text) => new Promise((resolve) => process.stdout.write(text, () => resolve())),
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
  onInterrupt(handler) {
    let interrupted = false;
    const listener = (): void => {
      // The first asks politely; who presses again means it.
      if (interrupted) process.exit(INTERRUPTED);
      interrupted = true;
      handler();
    };
    process.on("SIGINT", listener);
    return () => process.off("SIGINT", listener);
  },
  onTerminate(handler) {
    process.once("SIGTERM", handler);
    return () => process.off("SIGTERM", handler);
  },
  listen,
};

// A reader that went away (| head) is no error, and nobody is left to write for.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
process.stderr.on("error", () => undefined);
