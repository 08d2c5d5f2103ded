import { GROUP_FFN } from "../../core/tensors.ts";
import { openGguf } from "../format/gguf/gguf.ts";
import { isGguf } from "../format/gguf/header.ts";
import { openCheckpoint, type Checkpoint } from "../format/hf/checkpoint.ts";
import { elementBytes, elementCount } from "../format/dtypes.ts";
import { expectedHfTensors } from "../format/hf/tensors.ts";
import { openPacked } from "../format/packed/packed.ts";
import type { ModelFiles } from "../format/source.ts";
import type { BlockType, DType } from "../format/tensors.ts";
import { SourceError } from "../errors.ts";
import type { ModelConfig } from "../architecture/config.ts";
import { quantizationOf } from "../architecture/plan.ts";

/** The parts that a model's weights are counted by, in the order of the forward pass: GROUP_* of core/tensors.ts, then the draft head. */
export const PARTS = ["embedding", "norms", "attention", "router", "experts", "shared experts", "ffn", "head", "draft head"] as const;
export type PartName = (typeof PARTS)[number];

export interface PartSummary {
  readonly part: PartName;
  readonly parameters: number;
  /** Bytes in the file, with padding. */
  readonly bytes: number;
}

/** What a model's files hold, read from their headers alone. */
export interface ModelSummary {
  readonly name: string;
  readonly format: "packed" | "huggingface" | "gguf";
  /** f32, q8 or q4 of a packed model; the element types of a Hugging Face folder or GGUF file. */
  readonly weights: string;
  readonly parameters: number;
  /** Bytes of all parts. */
  readonly bytes: number;
  readonly parts: readonly PartSummary[];
  /** Bytes of tokenizer.json; 0 when there is none. */
  readonly tokenizerBytes: number;
  readonly config: ModelConfig;
}

/** Counts a model's parameters and bytes by part, without reading its weights. @throws BlockFFNError subclasses for bad files. */
export async function summarizeModel(files: ModelFiles): Promise<ModelSummary> {
  if (files.single) return summarizeFile(files);
  const checkpoint = await openCheckpoint(files);
  try {
    return summarizeCheckpoint(files.name, "huggingface", checkpoint);
  } finally {
    await checkpoint.tensors.close();
  }
}

async function summarizeFile(files: ModelFiles): Promise<ModelSummary> {
  const source = await files.open("");
  if (source === undefined) throw new SourceError("there is no such file", { file: files.name });
  try {
    if (await isGguf(source)) return summarizeCheckpoint(files.name, "gguf", await openGguf(source));
    const { config, plan, draft, readText } = await openPacked(source);
    const { tokenizerBytes } = await readText();
    const counts = new Counts();
    for (const part of plan.parts) counts.add(partName(part.tensors[0]?.group), part.parameters, part.bytes);
    for (const part of draft?.plan.parts ?? []) counts.add("draft head", part.parameters, part.bytes);
    if (draft?.tokensAt !== undefined) counts.add("draft head", 0, 4 * draft.config.draftVocab);
    return { name: files.name, format: "packed", weights: quantizationOf(plan), ...counts.totals(), tokenizerBytes, config };
  } finally {
    await source.close();
  }
}

function summarizeCheckpoint(name: string, format: ModelSummary["format"], { config, tensors, text }: Checkpoint): ModelSummary {
  const counts = new Counts();
  const dtypes = new Set<DType | BlockType>();
  for (const { name: tensor, group } of expectedHfTensors(config)) {
    const info = tensors.info(tensor);
    if (info === undefined) continue;
    const count = elementCount(info.shape) ?? 0;
    dtypes.add(info.dtype);
    counts.add(partName(group), count, count * elementBytes(info.dtype));
  }
  const weights = [...dtypes].join(", ").toLowerCase();
  return { name, format, weights, ...counts.totals(), tokenizerBytes: text.tokenizerBytes, config };
}

class Counts {
  readonly #parts = new Map<PartName, { parameters: number; bytes: number }>();

  add(part: PartName, count: number, bytes: number): void {
    const sum = this.#parts.get(part) ?? { parameters: 0, bytes: 0 };
    this.#parts.set(part, { parameters: sum.parameters + count, bytes: sum.bytes + bytes });
  }

  totals(): Pick<ModelSummary, "parameters" | "bytes" | "parts"> {
    const parts = PARTS.flatMap((part) => {
      const sum = this.#parts.get(part);
      return sum === undefined ? [] : [{ part, ...sum }];
    });
    const total = (key: "parameters" | "bytes"): number => parts.reduce((sum, part) => sum + part[key], 0);
    return { parameters: total("parameters"), bytes: total("bytes"), parts };
  }
}

function partName(group: number | undefined): PartName {
  return PARTS[group ?? GROUP_FFN] as PartName;
}
