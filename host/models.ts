import { BlockFFNError, SourceError, UsageError } from "../src/errors.ts";
import type { ModelFiles, OpenOptions } from "../src/format/source.ts";
import { locationOfPlace, placeOf } from "../src/hub/place.ts";
import type { ModelCache } from "../src/hub/cache.ts";
import { openLocal, type Disk } from "./local-files.ts";
import { ModelPackages } from "./model-packages.ts";

/** The model that answers where a conversation is asked for and none is named. */
const CHAT = "chat";

/** A model that can be loaded by its name. */
export interface ListedModel {
  readonly name: string;
  /** Its packed file. */
  readonly path: string;
  readonly kind: "built in" | "package" | "fetched";
  /** Package and version, or what it was fetched from. */
  readonly from: string;
  /** Of a repository of the hub. */
  readonly commit?: string | undefined;
}

/** What a runtime with a disk brings. */
export interface ModelWorld {
  readonly disk: Disk;
  /** The same disk, for looking around: it asks the user for nothing. */
  readonly lookup: Disk;
  /** Folders that packages are looked for from: that of the user's project, and that of our own package. */
  readonly starts: () => readonly string[];
  /** Folder of model packages in a clone. */
  readonly workspace: string;
  /** Models that come with this package: their files by name. */
  readonly builtIn: Readonly<Record<string, string>>;
  /** A path or file: URL as a path of the disk. @throws UsageError or SourceError for what is neither. */
  readonly pathOf: (location: string) => string;
  /** Models that were fetched. Few programs need it, so it is loaded late. @throws SourceError, UsageError for settings that cannot be. */
  readonly cache: () => Promise<ModelCache>;
}

/** Models by name, by path, from the hub and from servers. */
export class Models {
  readonly #world: ModelWorld;
  readonly #packages: ModelPackages;

  constructor(world: ModelWorld) {
    this.#world = world;
    this.#packages = new ModelPackages(world.lookup, world.starts, world.workspace);
  }

  /** Opens a model. @throws SourceError when there is none, saying what to do; UsageError for a location that is none. */
  async open(location: string, options: OpenOptions = {}): Promise<ModelFiles> {
    const { disk, pathOf } = this.#world;
    const place = placeOf(location);
    if (place.kind === "hub" || place.kind === "url") return (await this.#world.cache()).open(place, options);
    if (place.kind === "path") {
      const kept = await this.#dotted(location);
      return openLocal(disk, location, kept ?? pathOf(location));
    }
    const named = await this.#named(place.name);
    const here = await this.#pathLike(location);
    if (named === undefined) {
      if (here) return openLocal(disk, location, location);
      throw new SourceError(
        `no model has this name here: \`npm install blockffn-${place.name.toLowerCase()}\` if there is such a package, ` +
          `or give a path (./${location}) or hf:OWNER/NAME`,
        { file: location },
      );
    }
    if (here) options.onNote?.(`${location} is the model of that name; say ./${location} for what lies here`);
    return openLocal(disk, location, named);
  }

  /** Where the model of a location lies on the disk; undefined where it does not, or not yet. */
  async locate(location: string): Promise<string | undefined> {
    try {
      const place = placeOf(location);
      if (place.kind === "path") return (await this.#dotted(location)) ?? this.#world.pathOf(location);
      if (place.kind !== "name") return await (await this.#world.cache()).locate(place);
      return (await this.#named(place.name)) ?? location;
    } catch (error) {
      if (error instanceof BlockFFNError) return undefined;
      throw error;
    }
  }

  /** The chat model, where its package is installed. */
  async chatModel(): Promise<string | undefined> {
    const found = await this.#packages.find(CHAT).catch(() => undefined);
    return found === undefined ? undefined : CHAT;
  }

  /** All models that have names here: those that come along, of packages, and fetched ones. */
  async list(): Promise<ListedModel[]> {
    const { builtIn } = this.#world;
    const found: ListedModel[] = Object.entries(builtIn).map(([name, path]) => ({ name, path, kind: "built in", from: "blockffn" }));
    for (const { name, path, package: from, version } of await this.#packages.list()) {
      if (!Object.hasOwn(builtIn, name)) found.push({ name, path, kind: "package", from: `${from}@${version}` });
    }
    const cache = await this.#world.cache();
    for (const record of await cache.records.list()) {
      const { name, from, commit } = record;
      found.push({ name, path: cache.pathOf(record), kind: "fetched", from, commit });
    }
    return found;
  }

  /**
   * Removes fetched models from the cache.
   * @param model a name, or what it was fetched from: all that was made of it goes
   * @returns files that are gone
   * @throws UsageError for what is not in the cache.
   */
  async remove(model: string): Promise<string[]> {
    const cache = await this.#world.cache();
    const place = placeOf(model);
    const from = place.kind === "hub" || place.kind === "url" ? locationOfPlace(place) : undefined;
    const named = from === undefined ? await cache.records.named(model) : undefined;
    const found = (await cache.records.list()).filter((record) => record.from === (from ?? named?.from));
    if (found.length === 0) {
      const other = (await this.list()).find(({ name }) => name === model);
      if (other?.kind === "package")
        throw new UsageError(`came as a package: \`npm uninstall ${other.from.replace(/@[^@]*$/, "")}\``, { file: model });
      throw new UsageError(other === undefined ? "is not in the cache; `blockffn models` lists what is" : "comes with blockffn", {
        file: model,
      });
    }
    for (const { entry } of found) await cache.records.remove(entry);
    return found.map((record) => cache.pathOf(record));
  }

  /** Removes what unfinished downloads have left. @returns its bytes */
  async removeUnfinished(): Promise<number> {
    return (await this.#world.cache()).removeUnfinished();
  }

  async #named(name: string): Promise<string | undefined> {
    const { builtIn } = this.#world;
    if (Object.hasOwn(builtIn, name)) return builtIn[name];
    let denied: unknown;
    const found = await this.#packages.find(name).catch((error: unknown) => void (denied = error));
    const path = found?.path ?? (await this.#cached(name));
    if (path === undefined && denied !== undefined) throw denied;
    return path;
  }

  /** Names of fetched models may have dots, as in Qwen2.5-0.5B; a path that is there goes before. */
  async #dotted(location: string): Promise<string | undefined> {
    if (!/^[A-Za-z0-9][\w.-]{0,127}$/.test(location) || (await this.#pathLike(location))) return undefined;
    return this.#cached(location);
  }

  async #cached(name: string): Promise<string | undefined> {
    const cache = await this.#world.cache().catch(() => undefined);
    const record = await cache?.records.named(name);
    return record && cache?.pathOf(record);
  }

  /** Whether a name is that of a file or folder in the working directory, too. */
  async #pathLike(name: string): Promise<boolean> {
    return (await this.#world.lookup.find(name).catch(() => undefined)) !== undefined;
  }
}
