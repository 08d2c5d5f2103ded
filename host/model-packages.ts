import { BlockFFNError } from "../src/errors.ts";
import { decodeUtf8, readWhole } from "../src/format/bytes.ts";
import type { Disk } from "./local-files.ts";

/** Largest package.json that is read. */
const MAX_MANIFEST_BYTES = 1 << 20;
const PREFIX = "blockffn-";

/** A model that came as a package: `blockffn-chat` brings the model `chat`. */
export interface ModelPackage {
  readonly name: string;
  /** Its packed file. */
  readonly path: string;
  readonly package: string;
  readonly version: string;
}

/**
 * Model packages, found as Node finds packages: in `node_modules` of a folder and of those above it. A package is one whose package.json
 * names its packed file: `"blockffn": { "model": "model.safetensors" }`. Nothing of it is run.
 */
export class ModelPackages {
  readonly #disk: Disk;
  readonly #starts: () => readonly string[];
  readonly #workspace: string;

  /**
   * @param starts folders to look from: that of the user's project, and that of our own package
   * @param workspace folder whose folders are model packages, too: `models/` of a clone
   */
  constructor(disk: Disk, starts: () => readonly string[], workspace: string) {
    this.#disk = disk;
    this.#starts = starts;
    this.#workspace = workspace;
  }

  /** @throws SourceError where a folder may not be looked into and the package is nowhere else. */
  async find(name: string): Promise<ModelPackage | undefined> {
    let denied: unknown;
    for (const folder of [...this.#folders().map((modules) => `${modules}/${PREFIX}${name}`), `${this.#workspace}/${name}`]) {
      try {
        const found = await this.#open(folder, name);
        if (found !== undefined) return found;
      } catch (error) {
        if (!(error instanceof BlockFFNError)) throw error;
        denied ??= error;
      }
    }
    if (denied !== undefined) throw denied;
    return undefined;
  }

  /** All of them, by name; of two of a name the one that `find` gives. */
  async list(): Promise<ModelPackage[]> {
    const names = new Set<string>();
    for (const folder of this.#folders())
      for (const entry of await this.#names(folder)) if (entry.startsWith(PREFIX)) names.add(entry.slice(PREFIX.length));
    for (const entry of await this.#names(this.#workspace)) names.add(entry);
    const found = await Promise.all([...names].sort().map((name) => this.find(name).catch(() => undefined)));
    return found.filter((one) => one !== undefined);
  }

  /** Folders named node_modules, nearest first. */
  #folders(): string[] {
    const folders = new Set<string>();
    for (const start of this.#starts()) {
      for (let at = trimmed(start); ; at = parent(at)) {
        folders.add(/(^|[/\\])node_modules$/.test(at) ? at : `${at}/node_modules`);
        if (parent(at) === at) break;
      }
    }
    return [...folders];
  }

  async #names(folder: string): Promise<readonly string[]> {
    try {
      return (await this.#disk.find(folder))?.kind === "folder" ? await this.#disk.names(folder) : [];
    } catch {
      return [];
    }
  }

  async #open(folder: string, name: string): Promise<ModelPackage | undefined> {
    const file = `${folder}/package.json`;
    if ((await this.#disk.find(file))?.kind !== "file") return undefined;
    const source = await this.#disk.open(file, file);
    let manifest: unknown;
    try {
      manifest = parse(await readWhole(source, MAX_MANIFEST_BYTES));
    } finally {
      await source.close();
    }
    const { name: called, version, blockffn } = record(manifest);
    const { model } = record(blockffn);
    if (called !== `${PREFIX}${name}` || typeof model !== "string" || !/^[\w-][\w.-]*$/.test(model)) return undefined;
    const path = `${folder}/${model}`;
    if ((await this.#disk.find(path))?.kind !== "file") return undefined;
    return { name, path, package: called, version: typeof version === "string" ? version : "" };
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes) ?? "");
  } catch {
    return undefined;
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function trimmed(path: string): string {
  return path.replace(/[/\\]+$/, "");
}

/** The folder above; of the topmost one itself. */
function parent(path: string): string {
  const at = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return at < 0 ? path : path.slice(0, at);
}
