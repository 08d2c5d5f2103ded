import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runBlockffn as run } from "../../../cli/blockffn.ts";
import { loadModel } from "../../../host/node/index.ts";
import { runWasi } from "../../../host/wasi/index.ts";
import { BlockFFNError } from "../../../src/errors.ts";
import { ChatFormat } from "../../../src/text/chat.ts";
import { fakeIo } from "../../helpers/fake-io.ts";
import type { FuzzCase } from "./cases.ts";
import { pick, type Random } from "./random.ts";

/** How a case ended: taken, refused with words, or as it must not. */
export type Outcome = { readonly taken: boolean } | { readonly untyped: string };

/** Ways to use a model; each gives the case's path and a folder for what is written. */
export const HOSTS: Readonly<Record<string, (path: string, folder: string, random: Random) => Promise<Outcome>>> = { library, cli, wasi };

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
  const args = pick(random, [
    ["generate", "ab c", "--model", path, "--max-tokens", "2", "--json"],
    ["logits", "--model", path, "--tokens", "1", "--out", join(folder, "logits")],
    ["inspect", path],
    ["convert", path, "--out", join(folder, "out.safetensors"), "--quantize", "q8"],
  ]);
  const io = fakeIo();
  const code = await run(args, io);
  if (code === 0) return { taken: true };
  const said = io.stderr.trim() !== "" && !/not expected/.test(io.stderr) && io.stderr.length < 4000;
  return said && (code === 1 || code === 2) ? { taken: false } : { untyped: `${args.join(" ")}: exit ${code}, ${io.stderr.slice(0, 500)}` };
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
