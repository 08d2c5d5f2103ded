import { FormatError, LimitError, SourceError } from "../../errors.ts";
import { isPrintable, readWhole } from "../bytes.ts";
import { foreignFile } from "../../foreign.ts";
import { JsonReader } from "../json-reader.ts";
import { MAX_NAME_BYTES, MAX_TENSORS } from "./header.ts";
import type { ByteSource, ModelFiles } from "../source.ts";
import type { TensorInfo, TensorSource } from "../tensors.ts";

/** Largest `*.index.json`. */
export const MAX_INDEX_BYTES = 16 << 20;
/** Most files that tensors may be spread over. */
export const MAX_SHARDS = 1024;

/**
 * Reads the `weight_map` of `model.safetensors.index.json` or `pytorch_model.bin.index.json`: tensor name -> file name.
 * File names must be plain ones (letters, digits, `.`, `_`, `-`), so that a stranger's index cannot reach other folders.
 */
export function parseShardIndex(json: Uint8Array, file: string): ReadonlyMap<string, string> {
  const reader = new JsonReader(json, file);
  const field = "weight_map";
  // One string per distinct file name, however many tensors name it.
  const shards = new Map<string, string>();
  let map: Map<string, string> | undefined;
  reader.object(MAX_NAME_BYTES, (key) => {
    if (key !== field) return reader.skipValue();
    if (map !== undefined) reader.fail("the index has it twice", field);
    const weights = (map = new Map<string, string>());
    reader.object(MAX_NAME_BYTES, (name) => {
      if (!isPrintable(name)) reader.fail("a tensor name holds control characters", field);
      if (weights.has(name)) reader.fail("the index has this tensor twice", name);
      if (weights.size >= MAX_TENSORS) throw new LimitError(`more than ${MAX_TENSORS} tensors`, { file, field, limit: MAX_TENSORS });
      const shard = reader.string(255);
      if (!/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(shard) || shard.includes("..")) {
        reader.fail(`${JSON.stringify(shard)} is not a plain file name`, name);
      }
      if (!shards.has(shard)) {
        if (shards.size >= MAX_SHARDS) throw new LimitError(`more than ${MAX_SHARDS} files`, { file, field, limit: MAX_SHARDS });
        shards.set(shard, shard);
      }
      weights.set(name, shards.get(shard)!);
    });
  });
  reader.end();
  return map ?? reader.fail("there is none", field);
}

/** Chooses the tensors that are needed, from those that there are. */
export type Needed = (has: (name: string) => boolean) => Iterable<string>;

/**
 * Opens the files that an index names as one source of tensors. Tensors that the index does not name are left out.
 * @param index the index; it is read and closed
 * @param openShard opens one file (openSafetensors or openTorch)
 * @param needed the tensors that count, default all: files that hold none of them are not opened, and may be missing
 * @throws SourceError for a missing file; FormatError for a tensor that is not in the file that the index names.
 */
export async function openShards(
  files: ModelFiles,
  index: ByteSource,
  openShard: (source: ByteSource) => Promise<TensorSource>,
  needed?: Needed,
): Promise<TensorSource> {
  let weights: ReadonlyMap<string, string>;
  try {
    const json = await readWhole(index, MAX_INDEX_BYTES);
    const foreign = foreignFile(json);
    if (foreign !== undefined) throw new FormatError(foreign, { file: index.name });
    weights = parseShardIndex(json, index.name);
  } finally {
    await index.close();
  }
  const shards = new Map<string, TensorSource>();
  const sharded = new ShardedTensors(index.name, weights, shards);
  try {
    const names = needed === undefined ? [...weights.keys()] : [...needed((name) => weights.has(name))].filter((name) => weights.has(name));
    for (const shard of new Set(names.map((name) => weights.get(name)!))) {
      const source = await files.open(shard);
      if (source === undefined) throw new SourceError(`${index.name} names this file but it is not there`, { file: shard });
      shards.set(shard, await openOrClose(source, openShard));
    }
    for (const name of names) {
      const shard = weights.get(name)!;
      if (shards.get(shard)!.info(name) === undefined) {
        throw new FormatError(`${index.name} says that this file has the tensor, but it has not`, { file: shard, field: name });
      }
    }
  } catch (error) {
    await sharded.close();
    throw error;
  }
  return sharded;
}

/** Opens tensors over a source; closes the source when that fails. */
export async function openOrClose<T>(source: ByteSource, open: (source: ByteSource) => Promise<T>): Promise<T> {
  try {
    return await open(source);
  } catch (error) {
    await source.close();
    throw error;
  }
}

class ShardedTensors implements TensorSource {
  readonly name: string;
  readonly #weights: ReadonlyMap<string, string>;
  readonly #shards: ReadonlyMap<string, TensorSource>;

  constructor(name: string, weights: ReadonlyMap<string, string>, shards: ReadonlyMap<string, TensorSource>) {
    this.name = name;
    this.#weights = weights;
    this.#shards = shards;
  }

  names(): readonly string[] {
    return [...this.#weights.keys()];
  }

  info(name: string): TensorInfo | undefined {
    return this.#shardOf(name)?.info(name);
  }

  async readF32(name: string, start: number, count: number): Promise<Float32Array> {
    const shard = this.#shardOf(name);
    if (shard === undefined) throw new FormatError("there is no such tensor", { file: this.name, field: name });
    return shard.readF32(name, start, count);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#shards.values()].map((shard) => shard.close()));
  }

  #shardOf(name: string): TensorSource | undefined {
    const shard = this.#weights.get(name);
    return shard === undefined ? undefined : this.#shards.get(shard);
  }
}
