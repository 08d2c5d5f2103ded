import { appendFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { FormatError } from "../../../src/errors.ts";
import type { RunStore } from "../../../train/run/loop.ts";
import type { MetricsLine } from "../../../train/run/metrics.ts";
import { MODEL_FILES, type OutputParts } from "../../../train/run/model-folder.ts";
import { sourceError, writeError } from "../files.ts";
import { writeParts } from "../output.ts";
import { CHECKPOINT, CheckpointFile, hasTrained } from "./checkpoint-file.ts";

const METRICS = "metrics.jsonl";
const CURVES = "curves.svg";
const MODEL = "model";

/** A run's folder: checkpoint.safetensors, metrics.jsonl, curves.svg and the model in model/. */
export class RunFolder extends CheckpointFile implements RunStore {
  /** What is written there, by its path in the folder. */
  static readonly files: readonly string[] = [CHECKPOINT, METRICS, CURVES, ...MODEL_FILES.map((name) => join(MODEL, name))];

  readonly path: string;

  /** Whether a folder is a run's: one that has a checkpoint, is trained in, or was ended before its first checkpoint. */
  static async recognises(folder: string): Promise<boolean> {
    if (await hasTrained(folder)) return true;
    const path = join(folder, METRICS);
    const text = await readFile(path, "utf8").catch(() => "");
    try {
      parseLine(text.split("\n", 1)[0] ?? "", path, 0);
      return true;
    } catch {
      return false;
    }
  }

  private constructor(path: string) {
    super(path);
    this.path = path;
  }

  /** Makes the folder where it is not there. @throws SourceError. */
  static async open(path: string): Promise<RunFolder> {
    try {
      await mkdir(join(path, MODEL), { recursive: true });
    } catch (cause) {
      throw writeError(path, cause);
    }
    return new RunFolder(path);
  }

  async writeModel(files: readonly OutputParts[]): Promise<void> {
    for (const { name, parts } of files) await this.#write(join(MODEL, name), parts);
  }

  async rewindMetrics(step: number): Promise<MetricsLine[]> {
    const path = join(this.path, METRICS);
    const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT") return "";
      throw sourceError(path, cause);
    });
    // The last line may be cut short: it was under way when the run was killed.
    const whole = text
      .slice(0, text.lastIndexOf("\n") + 1)
      .split("\n")
      .filter((line) => line !== "");
    const lines = whole.map((line, i) => parseLine(line, path, i)).filter((line) => line.step <= step);
    await this.#write(METRICS, [new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(""))]);
    return lines;
  }

  async appendMetrics(line: MetricsLine): Promise<void> {
    const path = join(this.path, METRICS);
    try {
      await appendFile(path, `${JSON.stringify(line)}\n`);
    } catch (cause) {
      throw writeError(path, cause);
    }
  }

  async writeCurves(svg: string): Promise<void> {
    await this.#write(CURVES, [new TextEncoder().encode(svg)]);
  }

  async #write(name: string, parts: readonly Uint8Array[]): Promise<void> {
    await writeParts(join(this.path, name), parts);
  }
}

function parseLine(line: string, file: string, i: number): MetricsLine {
  try {
    const value = JSON.parse(line) as MetricsLine;
    if (typeof value.step === "number") return value;
  } catch {
    // Told below.
  }
  throw new FormatError("is not a line of metrics; move the file away to go on", { file, field: `line ${i + 1}` });
}
