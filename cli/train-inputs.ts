import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { sourceError } from "../host/node/files.ts";
import type { RunFolder } from "../host/node/train/run-folder.ts";
import type { TrainConfig } from "../train/config/schema.ts";
import type { TrainInputs } from "../train/run/loop.ts";
import type { FolderKind } from "./outputs.ts";
import { readTextFile } from "./text-file.ts";

/** The files that a training reads, its configuration included. */
export function trainInputPaths({ data }: TrainConfig, file: string): string[] {
  const base = dirname(file);
  return [file, ...[...data.train, ...(data.valid === undefined ? [] : [data.valid]), data.tokenizer].map((name) => resolve(base, name))];
}

/** A run's folder as what may be replaced. */
export function runKind({ files, recognises }: Pick<typeof RunFolder, "files" | "recognises">): FolderKind {
  return { name: "a training run", files, recognises };
}

/** Reads what a training configuration names; its paths are relative to its file. */
export async function readTrainInputs(config: TrainConfig, file: string, signal: AbortSignal): Promise<TrainInputs> {
  const base = dirname(file);
  const texts: { name: string; text: string }[] = [];
  for (const name of config.data.train) texts.push({ name, text: await readTextFile(resolve(base, name), signal) });
  const { valid } = config.data;
  const validText = valid === undefined ? undefined : await readTextFile(resolve(base, valid), signal);
  return { config, configName: file, texts, validText, tokenizerJson: await readBytes(resolve(base, config.data.tokenizer)) };
}

/** A whole file. @throws SourceError. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw sourceError(path, cause);
  }
}
