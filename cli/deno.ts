import { denoHost } from "../host/deno/engine.ts";
import { denoEnv } from "../host/deno/env.ts";
import { writeError } from "../host/deno/files.ts";
import { denoModels } from "../host/deno/models.ts";
import { DEFAULT_MODEL, PACKAGE_ROOT } from "../host/deno/package.ts";
import { deno } from "../host/deno/runtime.ts";
import { listen } from "../host/deno/serve.ts";
import { LimitError } from "../src/errors.ts";
import { runBlockffn } from "./blockffn.ts";
import type { Io } from "./io.ts";
import { PipedLines } from "./lines.ts";
import { INTERRUPTED, TERMINATED } from "./run.ts";

const encoder = new TextEncoder();

/** Environment variables are read one by one, and only those that Deno allows. */
const env = new Proxy<Record<string, string | undefined>>({}, { get: (_, name) => (typeof name === "string" ? denoEnv(name) : undefined) });

/** The first signal asks politely; who asks again means it, unless the handler deals with each. */
function onSignal(signal: string, code: number, handler: () => boolean | void): () => void {
  let asked = false;
  const listener = (): void => {
    if (asked) deno.exit(code);
    asked = handler() !== true;
  };
  deno.addSignalListener(signal, listener);
  return () => deno.removeSignalListener(signal, listener);
}

/** Shows a prompt: nobody waits for it. */
function print(text: string): void {
  deno.stdout.writeSync(encoder.encode(text));
}

const io: Io = {
  host: denoHost,
  defaultModel: DEFAULT_MODEL,
  models: denoModels(),
  version: (JSON.parse(deno.readTextFileSync(new URL("package.json", PACKAGE_ROOT))) as { version: string }).version,
  env,
  stdoutIsTty: deno.stdout.isTerminal(),
  stderrIsTty: deno.stderr.isTerminal(),
  stdinIsTty: deno.stdin.isTerminal(),
  async out(text) {
    const bytes = encoder.encode(text);
    try {
      for (let done = 0; done < bytes.length;) done += await deno.stdout.write(bytes.subarray(done));
    } catch (error) {
      // A reader that went away (| head) is no error, and nobody is left to write for.
      if (error instanceof deno.errors.BrokenPipe) deno.exit(0);
      throw writeError("standard output", error);
    }
  },
  err(text) {
    try {
      deno.stderr.writeSync(encoder.encode(text));
    } catch {
      // Nobody is left to tell.
    }
  },
  async readInput(limit) {
    const decoder = new TextDecoder();
    let size = 0;
    let text = "";
    for await (const part of deno.stdin.readable) {
      size += part.length;
      if (size > limit) throw new LimitError(`holds more than ${limit} bytes`, { file: "standard input", limit });
      text += decoder.decode(part, { stream: true });
    }
    return text + decoder.decode();
  },
  lines: (limit) => new PipedLines(deno.stdin.readable, limit, deno.stdin.isTerminal() && deno.stdout.isTerminal() ? print : undefined),
  onInterrupt: (handler) => onSignal("SIGINT", INTERRUPTED, handler),
  // Windows has no SIGTERM.
  onTerminate: (handler) => (deno.build.os === "windows" ? () => undefined : onSignal("SIGTERM", TERMINATED, handler)),
  listen,
};

deno.exit(await runBlockffn(deno.args, io));
