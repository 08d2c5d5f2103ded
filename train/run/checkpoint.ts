import * as v from "valibot";
import { FormatError, TrainingError } from "../../src/errors.ts";
import { openSafetensors, type SafetensorsFile } from "../../src/format/safetensors/safetensors.ts";
import type { ByteSource } from "../../src/format/source.ts";
import type { FactorsState } from "./factors.ts";
import { tensorParts } from "./tensor-parts.ts";
import type { TrainerState } from "./trainer.ts";

/** Metadata that only checkpoints have. */
const MARK = "blockffn.train";
const VERSION = "1";
const TENSORS = ["weights", "first", "second"] as const;
/** Settings that may differ between a run and its resumption without changing what is computed. */
const FREE = ["out", "workers", "checkpointEvery", "validateEvery", "validDocuments", "data"] as const;

const Window = v.array(v.number());
const Schedule = v.object({
  base: v.number(),
  ratio: v.number(),
  span: v.number(),
  progress: v.number(),
  previous: Window,
  current: Window,
});
const Auxiliary = v.picklist(["locality", "chunk", "l1", "entropy", "balance", "balancedL1"]);
const State = v.object({
  step: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  factors: v.object({ schedules: v.record(Auxiliary, Schedule), balancedL1: v.number(), entropy: v.optional(v.number()) }),
});

/** What a checkpoint belongs to: the settings of the run and the tokens it is trained on. */
export interface RunIdentity {
  readonly config: object;
  readonly corpus: string;
}

/** A number for the tokens of a corpus (FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/), to notice when they change. */
export function fingerprint(tokens: Int32Array): string {
  let hash = 0x811c9dc5;
  for (const token of tokens) hash = Math.imul(hash ^ token, 0x01000193);
  return `${tokens.length}:${(hash >>> 0).toString(16)}`;
}

/** A checkpoint as the parts of one safetensors file. The parts are views of the state. */
export function encodeCheckpoint(identity: RunIdentity, { step, factors, weights, moments }: TrainerState): Uint8Array[] {
  const data = { weights, first: moments.first, second: moments.second };
  const metadata = new Map([
    [MARK, VERSION],
    ["config", JSON.stringify(bound(identity.config))],
    ["corpus", identity.corpus],
    ["state", JSON.stringify({ step, factors })],
  ]);
  return tensorParts(
    TENSORS.map((name) => ({ name, shape: [weights.length], values: data[name] })),
    metadata,
  );
}

/**
 * Reads a checkpoint.
 * @param length weights of the model
 * @throws FormatError when it is damaged; TrainingError when it belongs to another configuration, model or text.
 */
export async function decodeCheckpoint(source: ByteSource, identity: RunIdentity, length: number): Promise<TrainerState> {
  const file = await openSafetensors(source);
  const { name } = source;
  const entry = (key: string): string => {
    const value = file.metadata.get(key);
    if (value === undefined) throw new FormatError("is missing: this is no training checkpoint", { file: name, field: key });
    return value;
  };
  if (entry(MARK) !== VERSION) throw new FormatError("is of another version of blockffn", { file: name, field: MARK });
  checkSame(parse(entry("config"), name, "config"), bound(identity.config), name, "");
  if (entry("corpus") !== identity.corpus)
    throw new TrainingError("belongs to other texts or another tokenizer; give the run another `out`", { file: name, field: "corpus" });
  const state = v.safeParse(State, parse(entry("state"), name, "state"));
  if (!state.success)
    throw new FormatError("is not a training state", { file: name, field: `state.${v.getDotPath(state.issues[0]) ?? ""}` });
  const [weights, first, second] = (await Promise.all(
    TENSORS.map((tensor) => {
      const shape = file.info(tensor)?.shape;
      if (shape?.length !== 1 || shape[0] !== length) throw new FormatError(`must hold ${length} values`, { file: name, field: tensor });
      return file.readF32(tensor, 0, length);
    }),
  )) as [Float32Array, Float32Array, Float32Array];
  const { step, factors } = state.output;
  return { step, factors: factors as FactorsState, weights, moments: { first, second } };
}

/** Whether a safetensors file is a training checkpoint, of any version. */
export function isCheckpoint({ metadata }: SafetensorsFile): boolean {
  return metadata.has(MARK);
}

/** The settings that a run depends on. */
function bound(config: object): object {
  return JSON.parse(
    JSON.stringify(Object.fromEntries(Object.entries(config).filter(([key]) => !(FREE as readonly string[]).includes(key)))),
  ) as object;
}

function parse(text: string, file: string, field: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FormatError("is not JSON", { file, field, cause });
  }
}

/** @throws TrainingError naming the first setting that differs. */
function checkSame(saved: unknown, now: unknown, file: string, path: string): void {
  if (isObject(saved) && isObject(now)) {
    for (const key of new Set([...Object.keys(saved), ...Object.keys(now)]))
      checkSame(saved[key], now[key], file, path === "" ? key : `${path}.${key}`);
  } else if (JSON.stringify(saved) !== JSON.stringify(now)) {
    const show = (value: unknown): string => (value === undefined ? "absent" : JSON.stringify(value));
    throw new TrainingError(
      `is ${show(saved)} in the checkpoint ` +
        `and ${show(now)} in the configuration: it cannot go on; restore the setting or give the run another \`out\``,
      { file, field: path },
    );
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
