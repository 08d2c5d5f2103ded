import { denoHost } from "../host/deno/engine.ts";
import { DEFAULT_MODEL, PACKAGE_ROOT } from "../host/deno/package.ts";
import { deno } from "../host/deno/runtime.ts";
import { listen } from "../host/deno/serve.ts";
import { LimitError } from "../src/errors.ts";
import { runBlockffn } from "./blockffn.ts";
import type { Io } from "./io.ts";

const INTERRUPTED = 130;
const encoder = new TextEncoder();

/** Environment variables are read one by one, and only those that Deno allows. */
const env = new Proxy<Record<string, string | undefined>>({}, {
  get: (_, name) => (typeof name === "string" && deno.permissions.querySync({ name: "env", variable: name }).state === "granted" ? deno.env.get(name) : undefined),
});

function onSignal(signal: string, handler: () => void): () => void {
  deno.addSignalListener(signal, handler);
  return () => deno.removeSignalListener(signal, handler);
}

const io: Io = {
  host: denoHost,
  defaultModel: DEFAULT_MODEL,
  version: (JSON.parse(deno.readTextFileSync(new URL("package.json", PACKAGE_ROOT))) as { version: string }).version,
  env,
  stdoutIsTty: deno.stdout.isTerminal(),
  stderrIsTty: deno.stderr.isTerminal(),
  stdinIsTty: deno.stdin.isTerminal(),
  async out(text) {
    const bytes = encoder.encode(text);
    try {
      for (let done = 0; done < bytes.length; ) done += await deno.stdout.write(bytes.subarray(done));
    } catch (error) {
      // A reader that went away (| head) is no error, and nobody is left to write for.
      deno.exit(error instanceof deno.errors.BrokenPipe ? 0 : 1);
    }
  },
  err(text) {
    deno.stderr.writeSync(encoder.encode(text));
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
  onInterrupt(handler) {
    let interrupted = false;
    return onSignal("SIGINT", () => {
      // The first asks politely; who presses again means it.
      if (interrupted) deno.exit(INTERRUPTED);
      interrupted = true;
      handler();
    });
  },
  // Windows has no SIGTERM.
  onTerminate: (handler) => (deno.build.os === "windows" ? () => undefined : onSignal("SIGTERM", handler)),
  listen,
};

deno.exit(await runBlockffn(deno.args, io));
