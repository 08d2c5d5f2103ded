import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runWasi } from "../../host/wasi/index.ts";
import type { GenerationResult } from "../../src/decode/generation.ts";
import { convertModel } from "../../src/load/convert.ts";
import type { Quantization } from "../../src/architecture/quantization.ts";
import { diskFiles } from "./test-host.ts";
import type { ConfigJson } from "./tiny-checkpoint.ts";
import { tinyEagleFiles } from "./tiny-packed.ts";

/** What a run of the WASI command left. */
export interface WasiRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command on node:wasi, in `folder` as ".". */
export async function wasi(folder: string, args: readonly string[], input: string | Uint8Array = ""): Promise<WasiRun> {
  const [inPath, outPath, errPath] = ["stdin", "stdout", "stderr"].map((name) => join(folder, `.${name}`)) as [string, string, string];
  writeFileSync(inPath, input);
  const [stdin, stdout, stderr] = [openSync(inPath, "r"), openSync(outPath, "w"), openSync(errPath, "w")];
  try {
    const code = await runWasi(args, { folders: { ".": folder }, stdin, stdout, stderr });
    return { code, stdout: readFileSync(outPath, "utf8"), stderr: readFileSync(errPath, "utf8") };
  } finally {
    for (const fd of [stdin, stdout, stderr]) closeSync(fd);
  }
}

/** Runs the command with --json. @throws Error with its message when it fails. */
export async function wasiJson(folder: string, args: readonly string[]): Promise<GenerationResult> {
  const { code, stdout, stderr } = await wasi(folder, [...args, "--json"]);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as GenerationResult;
}

/** A result with every time as 0, and their keys as they were. */
export function withoutTimings(result: GenerationResult): GenerationResult {
  const zero = <T extends object>(times: T): T => Object.fromEntries(Object.keys(times).map((key) => [key, 0])) as T;
  const { decisions } = result;
  return {
    ...result,
    prefillMs: 0,
    decodeMs: 0,
    prefillTokensPerSecond: 0,
    decodeTokensPerSecond: 0,
    decisions: decisions === null ? null : { ...decisions, chunkMs: zero(decisions.chunkMs), draftMs: zero(decisions.draftMs) },
  };
}

/** Packs the model folder `source` into `path`, with a tiny EAGLE head of so many draft tokens if they are given. */
export async function packTo(source: string, path: string, quantization: Quantization, draftVocab?: number): Promise<void> {
  const pieces: Uint8Array[] = [];
  const config = JSON.parse(readFileSync(join(source, "config.json"), "utf8")) as ConfigJson;
  const draft = draftVocab === undefined ? undefined : { files: tinyEagleFiles(config), draftVocab };
  await convertModel(diskFiles(source), quantization, (bytes) => void pieces.push(bytes.slice()), undefined, draft);
  writeFileSync(path, Buffer.concat(pieces));
}
