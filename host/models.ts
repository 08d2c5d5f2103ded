import { BlockFFNError, SourceError } from "../src/errors.ts";
import type { ModelFiles, OpenOptions } from "../src/format/source.ts";
import { placeOf } from "../src/hub/place.ts";
import { openLocal, type Disk } from "./local-files.ts";
import { ModelPackages } from "./model-packages.ts";

/** The model that answers where a conversation is asked for and none is named. */
const CHAT = "chat";

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
    if (place.kind === "path") return openLocal(disk, location, pathOf(location));
    if (place.kind !== "name") throw new SourceError("models are read from files; download it first", { file: location });
    const named = await this.#named(place.name);
    const here = await this.#pathLike(location);
    if (named === undefined) {
      if (here) return openLocal(disk, location, location);
      const install = `\`npm install blockffn-${place.name.toLowerCase()}\``;
      throw new SourceError(`no model has this name here: ${install} if there is such a package, or give a path (./${location})`, {
        file: location,
      });
    }
    if (here) options.onNote?.(`${location} is the model of that name; say ./${location} for what lies here`);
    return openLocal(disk, location, named);
  }

  /** Where the model of a location lies on the disk; undefined where it does not, or not yet. */
  async locate(location: string): Promise<string | undefined> {
    try {
      const place = placeOf(location);
      if (place.kind === "path") return this.#world.pathOf(location);
      if (place.kind !== "name") return undefined;
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

  async #named(name: string): Promise<string | undefined> {
    const { builtIn } = this.#world;
    if (Object.hasOwn(builtIn, name)) return builtIn[name];
    return (await this.#packages.find(name))?.path;
  }

  /** Whether a name is that of a file or folder in the working directory, too. */
  async #pathLike(name: string): Promise<boolean> {
    return (await this.#world.lookup.find(name).catch(() => undefined)) !== undefined;
  }
}
