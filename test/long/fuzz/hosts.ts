import { execFile } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runBlockffn as run } from "../../../cli/blockffn.ts";
import { loadModel } from "../../../host/node/index.ts";
import { runWasi } from "../../../host/wasi/index.ts";
import { BlockFFNError } from "../../../src/errors.ts";
import { ChatFormat } from "../../../src/text/chat.ts";
import { fakeIo } from "../../helpers/fake-io.ts";
import { PACKAGE_ROOT } from "../../../host/package-root.ts";
import type { FuzzCase } from "./cases.ts";
import { pick, type Random } from "./random.ts";

/** How a case ended: taken, refused with words, or as it must not. */
export type Outcome = { readonly taken: boolean } | { readonly untyped: string };

const PROGRAM = join(PACKAGE_ROOT.pathname, "dist/lib/cli.js");
/** A process that takes longer hangs. */
const PROCESS_MS = 120_000;

/** Ways to use a model; each gives the case's path and a folder for what is written. */
export const HOSTS: Readonly<Record<string, (path: string, folder: string, random: Random) => Promise<Outcome>>> = {
  library,
  cli,
  wasi,
  process: ownProcess,
};

/** Puts a case on the disk. @returns the path of its folder or packed file */
export function place({ files }: FuzzCase, folder: string): string {
  const path = join(folder, "model");
  rmSync(path, { recursive: true, force: true });
  const single = files.get("");
  if (single !== undefined) {
    writeFileSync(path, single);
    return path;
  }
  mkdirSync(path);
  for (const [name, bytes] of files) writeFileSync(join(path, name), bytes);
  return path;
}

/** Loads, renders a conversation and generates. */
async function library(path: string): Promise<Outcome> {
  try {
    const model = await loadModel(path, { threads: 1 });
    try {
      const { tokenizer } = model;
      if (tokenizer !== undefined)
        new ChatFormat(tokenizer, model.loaded.chatTemplate).encode([{ role: "user", content: "hello <x> </s>" }]);
      await model.generate(tokenizer === undefined ? [1] : "ab c", { maxTokens: 3, temperature: 0.5, seed: 1 }).result();
    } finally {
      model.dispose();
    }
    return { taken: true };
  } catch (error) {
    return judged(error);
  }
}

function judged(error: unknown): Outcome {
  if (error instanceof BlockFFNError && error.constructor !== BlockFFNError && error.message.length < 2000) return { taken: false };
  return { untyped: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** A command of the command line: 0, 1 and 2 with a message are ends that it promises. */
async function cli(path: string, folder: string, random: Random): Promise<Outcome> {
  const args = commandOn(path, folder, random);
  const io = fakeIo();
  return ended(args, await run(args, io), io.stderr);
}

function commandOn(path: string, folder: string, random: Random): string[] {
  return pick(random, [
    ["generate", "ab c", "--model", path, "--max-tokens", "2", "--json"],
    ["logits", "--model", path, "--tokens", "1", "--out", join(folder, "logits")],
    ["inspect", path],
    ["convert", path, "--out", join(folder, "out.safetensors"), "--quantize", "q8"],
  ]);
}

/** How a command ended: with words of its own, no stack of a failure that nobody expected. */
function ended(args: readonly string[], code: number | string | null, stderr: string): Outcome {
  if (code === 0) return { taken: true };
  const said = stderr.trim() !== "" && !/not expected|\n\s+at .*:\d+:\d+/.test(stderr) && stderr.length < 4000;
  return said && (code === 1 || code === 2) ? { taken: false } : { untyped: `${args.join(" ")}: exit ${code}, ${stderr.slice(0, 500)}` };
}

/** The same as users start it: the package's program in a process of its own, which a signal or a limit of the system can end too. */
async function ownProcess(path: string, folder: string, random: Random): Promise<Outcome> {
  const args = commandOn(path, folder, random);
  return new Promise((resolve) => {
    execFile(process.execPath, [PROGRAM, ...args], { timeout: PROCESS_MS, maxBuffer: 1 << 24 }, (error, _, stderr) => {
      resolve(ended(args, error === null ? 0 : (error.signal ?? error.code ?? null), stderr));
    });
  });
}

/** The stand-alone command, which reads packed files. */
async function wasi(path: string, folder: string, random: Random): Promise<Outcome> {
  const err = join(folder, "stderr");
  const [stdin, stdout, stderr] = [openSync("/dev/null", "r"), openSync("/dev/null", "w"), openSync(err, "w")];
  const prompt = pick(random, [
    ["--prompt", "ab c"],
    ["--tokens", "1,2"],
  ]);
  try {
    const code = await runWasi(["--model", "model", ...prompt, "--max-tokens", "2", "--json"], {
      folders: { ".": folder },
      stdin,
      stdout,
      stderr,
    });
    if (code === 0) return { taken: true };
    const text = readFileSync(err, "utf8");
    return (code === 1 || code === 2) && text.startsWith("blockffn: ")
      ? { taken: false }
      : { untyped: `wasi: exit ${code}, ${text.slice(0, 300)}` };
  } catch (error) {
    return { untyped: `wasi ended in ${error instanceof Error ? (error.stack ?? error.message) : String(error)}` };
  } finally {
    for (const fd of [stdin, stdout, stderr]) closeSync(fd);
  }
}
