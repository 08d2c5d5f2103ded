import type { BigIntStats } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { sourceError } from "../host/node/files.ts";
import { writeFileAtomically, type OutputFile } from "../host/node/output.ts";
import { UsageError } from "../src/errors.ts";
import { isSourceName } from "../src/format/hf/checkpoint.ts";
import type { OutputKind } from "./output-kinds.ts";

/**
 * What every command that writes keeps to. A file that the command reads is never written, by whatever name: not the file itself,
 * not a link to it, nothing in a model's folder that loading would take for a part of the model. Any other file that is there is
 * replaced only if it is what this command writes, or with --force.
 */
export interface OutputRule {
  /** Files and model folders that the command reads, as they were given; undefined ones are left out. */
  readonly reads: readonly (string | undefined)[];
  /** What the command writes: that may be replaced. */
  readonly kind: OutputKind;
  readonly force?: boolean | undefined;
}

/** Writes a file atomically, where the rule lets it. @throws UsageError where it does not; else as `writeFileAtomically`. */
export async function writeOutput<T>(path: string, rule: OutputRule, fill: (file: OutputFile) => Promise<T>): Promise<T> {
  await checkOutput(path, rule);
  return writeFileAtomically(path, async (file) => {
    const result = await fill(file);
    // Much may have happened since: the file takes its place now.
    await checkOutput(path, rule);
    return result;
  });
}

/** Told before long work begins. @throws UsageError when the rule does not let a file be written. */
export async function checkOutput(path: string, { reads, kind, force = false }: OutputRule): Promise<void> {
  const found = await kindOf(path);
  for (const location of reads) if (location !== undefined) await checkInput(path, found, location, kind);
  // What is no regular file is refused where it is opened; an empty one holds nothing to lose.
  if (found?.isFile() !== true || found.size === 0n || force || (await kind.recognises(path))) return;
  throw new UsageError(
    `is there already and is not ${kind.name}, which alone would be replaced; give another name, or --force to replace it`,
    { file: path },
  );
}

/** @throws UsageError when `path` is, or would become, a part of what is read. */
async function checkInput(path: string, found: BigIntStats | undefined, location: string, kind: OutputKind): Promise<void> {
  const input = localPath(location);
  const read = await kindOf(input);
  if (read === undefined) return;
  if (found !== undefined && same(found, read))
    throw new UsageError(`is ${location} itself, which is read; give another name`, { file: path });
  if (!read.isDirectory()) return;
  const folder = await kindOf(dirname(resolve(path)));
  if (folder !== undefined && same(folder, read) && isSourceName(basename(path))) {
    throw new UsageError(`would be taken for a part of the model in ${location}; give another name or folder`, { file: path });
  }
  if (found?.isFile() !== true) return;
  for (const name of await readdir(input)) {
    const part = await kindOf(join(input, name)).catch(() => undefined);
    if (part === undefined || !same(part, found)) continue;
    // What was written there before, under a name that is not read, is no part of the model.
    if (!isSourceName(name) && (await kind.recognises(path))) continue;
    throw new UsageError(`is ${name} of ${location}, which is read; give another name`, { file: path });
  }
}

/** One file, or folder, whatever it is called: links and letter case do not matter. */
function same(a: BigIntStats, b: BigIntStats): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

/** Links are followed. @throws SourceError for what may not be looked at. */
async function kindOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw sourceError(path, cause);
  }
}

function localPath(location: string): string {
  return /^file:/i.test(location) ? fileURLToPath(location) : location;
}

/** A folder that a command fills with files of fixed names. */
export interface FolderKind {
  readonly name: string;
  readonly files: readonly string[];
  /** Whether the command has written there before. */
  recognises(folder: string): Promise<boolean>;
}

/** The same rule for each file of a folder; what is in one that the command has written before may be replaced. @throws UsageError. */
export async function checkFolder(
  folder: string,
  { reads, kind, force }: Omit<OutputRule, "kind"> & { readonly kind: FolderKind },
): Promise<void> {
  const ours = await kind.recognises(folder);
  const file: OutputKind = { name: `of ${kind.name}`, recognises: async () => ours };
  for (const name of kind.files) await checkOutput(join(folder, name), { reads, kind: file, force });
}
