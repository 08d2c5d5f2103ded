import { FormatError } from "../../errors.ts";
import { isPrintable } from "../bytes.ts";
import { elementCount, MAX_RANK } from "../dtypes.ts";
import { PickleDict, PickleTuple, unpickle } from "./pickle.ts";
import { MAX_NAME_BYTES } from "../safetensors/header.ts";
import type { DType } from "../tensors.ts";

/** Storage classes of torch and their element types. */
const STORAGES: ReadonlyMap<string, DType> = new Map([
  ["DoubleStorage", "F64"],
  ["FloatStorage", "F32"],
  ["HalfStorage", "F16"],
  ["BFloat16Storage", "BF16"],
  ["LongStorage", "I64"],
  ["IntStorage", "I32"],
  ["ShortStorage", "I16"],
  ["CharStorage", "I8"],
  ["ByteStorage", "U8"],
  ["BoolStorage", "BOOL"],
]);

/** Elements kept in the archive's file `data/<key>`; several tensors may share one. */
export class TorchStorage {
  readonly dtype: DType;
  readonly key: string;
  readonly elements: number;
  constructor(dtype: DType, key: string, elements: number) {
    this.dtype = dtype;
    this.key = key;
    this.elements = elements;
  }
}

/** A view of a storage: element [i0, i1, ...] is at `offset + i0 * strides[0] + i1 * strides[1] + ...`. */
export class TorchTensor {
  readonly storage: TorchStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  constructor(storage: TorchStorage, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

type Callable = "OrderedDict" | "_rebuild_tensor_v2" | "_rebuild_parameter";
const CALLABLES: ReadonlyMap<string, Callable> = new Map([
  ["collections.OrderedDict", "OrderedDict"],
  ["torch._utils._rebuild_tensor_v2", "_rebuild_tensor_v2"],
  ["torch._utils._rebuild_parameter", "_rebuild_parameter"],
]);
class Global {
  readonly name: Callable;
  constructor(name: Callable) {
    this.name = name;
  }
}
class StorageType {
  readonly dtype: DType;
  constructor(dtype: DType) {
    this.dtype = dtype;
  }
}

/** Keys of what trainers save, and who does: the state dict is one entry of it. */
const CHECKPOINTS: readonly (readonly [key: string, who: string])[] = [
  ["pytorch-lightning_version", "PyTorch Lightning"],
  ["optimizer_state_dict", "training"],
  ["model_state_dict", "training"],
  ["optimizer_states", "training"],
  ["state_dict", "training"],
];

/**
 * Reads `data.pkl` of a state dict: tensor name -> view. Every view lies inside its storage and has no more elements than it.
 * @throws FormatError for anything that a state dict does not have, naming the global, opcode or tensor, and for training checkpoints as
 *   such.
 */
export function readStateDict(bytes: Uint8Array, file: string, field: string): ReadonlyMap<string, TorchTensor> {
  try {
    return readTensors(bytes, file, field);
  } catch (error) {
    const text = error instanceof FormatError ? new TextDecoder("latin1").decode(bytes) : "";
    const who = CHECKPOINTS.find(([key]) => text.includes(key))?.[1];
    if (who === undefined) throw error;
    const message = `is a checkpoint of ${who}, not a plain state dict: load it there and save the model with save_pretrained()`;
    throw new FormatError(message, { file, field, cause: error });
  }
}

function readTensors(bytes: Uint8Array, file: string, field: string): ReadonlyMap<string, TorchTensor> {
  const fail = (message: string): never => {
    throw new FormatError(message, { file, field });
  };
  const reduce = (callable: unknown, args: readonly unknown[]): unknown => {
    if (!(callable instanceof Global)) return fail("it calls something that is not a function");
    switch (callable.name) {
      case "OrderedDict":
        return args.length === 0 ? new PickleDict() : fail("OrderedDict with arguments");
      case "_rebuild_parameter":
        return args.length === 3 && args[0] instanceof TorchTensor ? args[0] : fail("_rebuild_parameter without a tensor");
      case "_rebuild_tensor_v2":
        return rebuildTensor(args) ?? fail("_rebuild_tensor_v2 with arguments that are no tensor inside its storage");
    }
  };
  const state = unpickle(
    bytes,
    {
      global(module, name) {
        const callable = CALLABLES.get(`${module}.${name}`);
        if (callable !== undefined) return new Global(callable);
        const dtype = module === "torch" ? STORAGES.get(name) : undefined;
        return dtype === undefined
          ? fail(`the global ${JSON.stringify(`${module}.${name}`)} is not allowed in a state dict`)
          : new StorageType(dtype);
      },
      persistent: (id) => readStorage(id) ?? fail("a persistent id that is not a storage"),
      reduce,
      // Module versions (`_metadata`) of the state dict: not needed.
      build(target, attributes) {
        if (!(target instanceof PickleDict && attributes instanceof PickleDict)) fail("it sets attributes of something that is not a dict");
      },
    },
    file,
    field,
  );
  if (!(state instanceof PickleDict)) return fail("it does not hold a dict of tensors");
  const tensors = new Map<string, TorchTensor>();
  for (let i = 0; i < state.items.length; i += 2) {
    const name = state.items[i];
    const tensor = state.items[i + 1];
    if (typeof name !== "string" || name.length > MAX_NAME_BYTES || !isPrintable(name)) return fail("a key is not a tensor name");
    if (!(tensor instanceof TorchTensor))
      throw new FormatError("its value is not a tensor; only plain state dicts are supported", { file, field: name });
    if (tensors.has(name)) throw new FormatError("the state dict has this tensor twice", { file, field: name });
    tensors.set(name, tensor);
  }
  return tensors;
}

/** `('storage', <class>, key, location, elements)` */
function readStorage(id: unknown): TorchStorage | undefined {
  if (!(id instanceof PickleTuple) || id.items.length !== 5) return undefined;
  const [kind, type, key, , elements] = id.items;
  if (kind !== "storage" || !(type instanceof StorageType) || typeof key !== "string" || !/^\w{1,64}$/.test(key) || !isSize(elements))
    return undefined;
  return new TorchStorage(type.dtype, key, elements);
}

/** `(storage, offset, size, stride, requires_grad, backward_hooks)`; undefined when it does not fit. */
function rebuildTensor(args: readonly unknown[]): TorchTensor | undefined {
  const [storage, offset, size, stride] = args;
  if (args.length !== 6 || !(storage instanceof TorchStorage) || !isSize(offset)) return undefined;
  const shape = sizesOf(size);
  const strides = sizesOf(stride);
  if (shape === undefined || strides === undefined || shape.length !== strides.length) return undefined;
  const count = elementCount(shape);
  // More elements than stored means a broadcast view (stride 0), which could ask for any amount of memory.
  if (count === undefined || count > storage.elements) return undefined;
  if (count > 0) {
    let last = offset;
    for (let d = 0; d < shape.length; d++) last += (shape[d]! - 1) * strides[d]!;
    if (!(last < storage.elements)) return undefined;
  }
  return new TorchTensor(storage, offset, shape, strides);
}

function sizesOf(value: unknown): readonly number[] | undefined {
  if (!(value instanceof PickleTuple) || value.items.length > MAX_RANK) return undefined;
  return value.items.every(isSize) ? value.items : undefined;
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
