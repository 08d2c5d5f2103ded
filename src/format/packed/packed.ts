import { LAYOUT_VERSION } from "../../../core/layout.ts";
import { PART_ALIGN, type WeightPlan } from "../../../core/plan.ts";
import { FormatError } from "../../errors.ts";
import type { ModelConfig } from "../../architecture/config.ts";
import { planWeights, quantizationOf } from "../../architecture/plan.ts";
import { QUANTIZATIONS, type Quantization } from "../../architecture/quantization.ts";
import type { ChatTemplate } from "../../text/chat-template.ts";
import { packedText, type ModelText } from "../../text/model-text.ts";
import { decodeUtf8, readRange } from "../bytes.ts";
import { MAX_TOKENIZER_BYTES } from "../hf/checkpoint.ts";
import { layoutDraft, type DraftLayout } from "../../architecture/draft-head.ts";
import { parseDraftConfig } from "./draft-config.ts";
import { parsePackedConfig } from "./config.ts";
import { encodeSafetensorsHeader, openSafetensors, type NamedTensor, type SafetensorsFile } from "../safetensors/safetensors.ts";
import type { ByteSource } from "../source.ts";
import { openTorch } from "../torch/torch.ts";

// The packed model: a safetensors file whose U8 tensors are the parts of the weight plan, in the plan's order and 64-byte
// aligned, so that one straight read fills linear memory. Metadata keys:
const VERSION = "blockffn.version";
const LAYOUT = "blockffn.layout";
const QUANTIZATION = "blockffn.quantization";
const CONFIG = "blockffn.config";
/** Optional: the chat template and its tokens, as JSON. */
const CHAT_TEMPLATE = "blockffn.chat_template";
const DRAFT = "blockffn.draft";
/** The format versions: 1, and 2 for files with a draft head. A file has the smallest that can say what it holds. */
const FORMAT_VERSION = "1";
const DRAFT_VERSION = "2";
const TOKENIZER = "tokenizer.json";

/** A packed model whose header is checked; its weights are `plan.bytes` bytes from `weightsOffset` on. */
export interface PackedModel {
  readonly source: ByteSource;
  readonly config: ModelConfig;
  readonly plan: WeightPlan;
  readonly weightsOffset: number;
  /** The EAGLE head behind the weights. */
  readonly draft: DraftLayout | undefined;
  /** Bytes of weights and head together: what one straight read brings in. */
  readonly bytes: number;
  /** Its tokenizer and chat template; what is wrong with them is told when they are used. @throws SourceError */
  readText(): Promise<ModelText>;
}

/** Lays out a packed file: its first bytes (header and tokenizer, padded) and where the weights start. */
export function encodePacked(
  config: ModelConfig, plan: WeightPlan, tokenizerJson: Uint8Array | undefined,
  { draft, chatTemplate }: { readonly draft?: DraftLayout | undefined; readonly chatTemplate?: ChatTemplate | undefined } = {},
): { head: Uint8Array; weightsOffset: number; fileSize: number } {
  const tensors: NamedTensor[] = plan.parts.map((part) => ({ name: part.name, dtype: "U8", shape: [part.bytes] }));
  if (tokenizerJson !== undefined) tensors.unshift({ name: TOKENIZER, dtype: "U8", shape: [tokenizerJson.length] });
  const metadata = new Map([
    ["format", "blockffn"],
    [VERSION, draft === undefined ? FORMAT_VERSION : DRAFT_VERSION],
    [LAYOUT, String(LAYOUT_VERSION)],
    [QUANTIZATION, quantizationOf(plan)],
    [CONFIG, JSON.stringify(config)],
    ...(chatTemplate === undefined ? [] : [[CHAT_TEMPLATE, JSON.stringify(chatTemplate)] as const]),
  ]);
  if (draft !== undefined) {
    metadata.set(DRAFT, JSON.stringify(draft.config));
    tensors.push(...draft.parts.map(({ name, bytes }): NamedTensor => ({ name, dtype: "U8", shape: [bytes] })));
  }
  const layout = encodeSafetensorsHeader(tensors, metadata, { align: PART_ALIGN });
  const first = layout.tensors[tokenizerJson === undefined ? 0 : 1];
  const weightsOffset = first === undefined ? layout.fileSize : first.offset;
  const head = new Uint8Array(weightsOffset);
  head.set(layout.header);
  if (tokenizerJson !== undefined) head.set(tokenizerJson, layout.header.length);
  return { head, weightsOffset, fileSize: layout.fileSize };
}

/** Is this safetensors file a packed model, whatever its version? */
export function isPacked(file: SafetensorsFile): boolean {
  return file.metadata.has(VERSION);
}

/**
 * Checks a packed file's header against the plan that its configuration asks for: every part there, with its size and place.
 * @throws FormatError, ConfigError or LimitError naming the file and the field.
 */
export async function openPacked(source: ByteSource): Promise<PackedModel> {
  const file = await openContainer(source);
  if (!isPacked(file)) {
    throw new FormatError("not a packed model: convert the model's folder with `blockffn convert FOLDER --out FILE`", { file: source.name, field: VERSION });
  }
  const version = file.metadata.get(VERSION) === DRAFT_VERSION ? DRAFT_VERSION : FORMAT_VERSION;
  expectMetadata(file, VERSION, version);
  expectMetadata(file, LAYOUT, String(LAYOUT_VERSION));
  const quantization = readQuantization(file);
  const config = parsePackedConfig(file.metadata.get(CONFIG) ?? "", source.name, CONFIG);
  const plan = planWeights(config, quantization);
  const draft = version === DRAFT_VERSION ? layoutDraft(parseDraftConfig(file.metadata.get(DRAFT) ?? "", source.name, DRAFT, config), plan, config) : undefined;
  const parts = [...plan.parts, ...(draft?.parts ?? [])];
  const weightsOffset = checkParts(file, parts);
  const last = parts[parts.length - 1];
  const bytes = last === undefined ? 0 : last.offset + last.bytes;
  return { source, config, plan, weightsOffset, draft, bytes, readText: () => readText(file) };
}

/** Opens the file; of a zip archive it is told what PyTorch has put into it. */
async function openContainer(source: ByteSource): Promise<SafetensorsFile> {
  try {
    return await openSafetensors(source);
  } catch (error) {
    if (error instanceof FormatError && source.sequential !== true && source.size > 4 && decodeUtf8(await readRange(source, 0, 2, "header")) === "PK") await openTorch(source);
    throw error;
  }
}

function expectMetadata(file: SafetensorsFile, key: string, expected: string): void {
  const found = file.metadata.get(key);
  if (found === expected) return;
  throw new FormatError(`is ${JSON.stringify(found ?? "missing").slice(0, 40)}, this build reads ${expected}: convert the model again with this version of blockffn`, { file: file.name, field: key });
}

function readQuantization(file: SafetensorsFile): Quantization {
  const found = file.metadata.get(QUANTIZATION);
  const known = QUANTIZATIONS.find((name) => name === found);
  if (known !== undefined) return known;
  throw new FormatError(`must be one of ${QUANTIZATIONS.join(", ")}`, { file: file.name, field: QUANTIZATION });
}

function checkParts(file: SafetensorsFile, parts: readonly { readonly name: string; readonly bytes: number; readonly offset: number }[]): number {
  const weightsOffset = file.entry(parts[0]?.name ?? "")?.offset ?? 0;
  for (const part of parts) {
    const entry = file.entry(part.name);
    const where = { file: file.name, field: part.name };
    if (entry === undefined) throw new FormatError("this tensor is missing; the configuration says that the model has it", where);
    if (entry.dtype !== "U8" || entry.byteLength !== part.bytes) {
      throw new FormatError(`${entry.byteLength} bytes of ${entry.dtype} where the configuration asks for ${part.bytes} of U8`, where);
    }
    if (entry.offset !== weightsOffset + part.offset || entry.offset % PART_ALIGN !== 0) throw new FormatError("is not where a packed model has it; convert the model again", where);
  }
  const known = new Set(parts.map(({ name }) => name));
  const extra = file.names().find((name) => name !== TOKENIZER && !known.has(name));
  if (extra !== undefined) throw new FormatError("the configuration knows no such tensor", { file: file.name, field: extra });
  return weightsOffset;
}

async function readText(file: SafetensorsFile): Promise<ModelText> {
  const template = { json: file.metadata.get(CHAT_TEMPLATE), file: file.name, field: CHAT_TEMPLATE };
  const entry = file.entry(TOKENIZER);
  if (entry === undefined) return packedText(() => undefined, template);
  if (entry.dtype !== "U8" || entry.byteLength > MAX_TOKENIZER_BYTES) {
    return packedText(() => {
      throw new FormatError(`must be at most ${MAX_TOKENIZER_BYTES} bytes of U8`, { file: file.name, field: TOKENIZER, limit: MAX_TOKENIZER_BYTES });
    }, template);
  }
  const bytes = await readRange(file.source, entry.offset, entry.byteLength, TOKENIZER);
  return packedText(() => bytes, template);
}
