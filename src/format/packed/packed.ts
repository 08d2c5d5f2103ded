import { LAYOUT_VERSION } from "../../../core/layout/matrix.ts";
import { PART_ALIGN, WEIGHT_NAMES, type WeightPlan } from "../../../core/plan.ts";
import { FormatError } from "../../errors.ts";
import type { ModelConfig } from "../../architecture/config.ts";
import { planWeights } from "../../architecture/plan.ts";
import { QUANTIZATIONS, type Quantization } from "../../architecture/quantization.ts";
import { packedText, type ModelText } from "../../text/model-text.ts";
import { decodeUtf8, readRange } from "../bytes.ts";
import { MAX_TOKENIZER_BYTES } from "../hf/checkpoint.ts";
import { layoutDraft, type DraftLayout } from "../../architecture/draft-head.ts";
import { parseDraftConfig } from "./draft-config.ts";
import { parsePackedConfig } from "./config.ts";
import { openSafetensors, type SafetensorsFile } from "../safetensors/safetensors.ts";
import type { ByteSource } from "../source.ts";
import { openTorch } from "../torch/torch.ts";
import { Checksums, checksumOf } from "./checksums.ts";
import { CHAT_TEMPLATE, CONFIG, DRAFT, FORMAT_VERSION, GENERATION, LAYOUT, QUANTIZATION, VERSION } from "./keys.ts";
import { readSections, TOKENIZER, understood, type SectionPart } from "./sections.ts";

/** Formats without a table of sections, and without checksums: 1, and 2 with a draft head. */
const PLAIN_VERSION = "1";
const DRAFT_VERSION = "2";

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
  /** Checksums of a file of format 3. Those of a stream are read when its weights have come. */
  readonly checksums: Checksums | undefined;
  /** What the file's metadata say of the chat template, as JSON. */
  readonly chatTemplateJson: string | undefined;
  /** Its tokenizer and chat template; what is wrong with them is told when they are used. @throws SourceError */
  readText(): Promise<ModelText>;
}

/** Is this safetensors file a packed model, whatever its version? */
export function isPacked(file: SafetensorsFile): boolean {
  return file.metadata.has(VERSION);
}

/**
 * Checks a packed file's header against the plan that its configuration asks for: every part there, with its type, size and place.
 * @param tail where the checksums at the file's end are read from, when `source` is busy with what comes before
 * @throws FormatError, ConfigError or LimitError naming the file and the field.
 */
export async function openPacked(source: ByteSource, tail: ByteSource = source): Promise<PackedModel> {
  const file = await openContainer(source);
  if (!isPacked(file)) {
    const advice = "not a packed model: convert the model's folder with `blockffn convert FOLDER --out FILE`";
    throw new FormatError(advice, { file: source.name, field: VERSION });
  }
  return file.metadata.get(VERSION) === FORMAT_VERSION ? openSections(file, tail) : openPlain(file);
}

/** Format 3. */
async function openSections(file: SafetensorsFile, tail: ByteSource): Promise<PackedModel> {
  const sections = readSections(file);
  const checksums = new Checksums(file, sections);
  if (file.source.sequential !== true) await checksums.read(tail);
  const known = understood(sections, file.name);
  const config = parsePackedConfig(file.metadata.get(CONFIG) ?? "", file.name, CONFIG);
  const named = known.get("weights")!.parts;
  const plan = planNamed(config, named, file.name);
  const drafts = known.get("draft");
  const draft = drafts && layoutDraft(parseDraftConfig(file.metadata.get(DRAFT) ?? "", file.name, DRAFT, config), plan, config);
  if (draft !== undefined) checkTypes(draft.plan, "draft.", drafts!.parts, file.name);
  const own = new Set([...named, ...(drafts?.parts ?? [])].map(({ name }) => name));
  const text = known.get("tokenizer.json")?.parts.some(({ name }) => name === TOKENIZER) === true ? TOKENIZER : undefined;
  const generationJson = known.has("generation") ? file.metadata.get(GENERATION) : undefined;
  return opened(file, { config, plan, draft, checksums, text, templates: known.has("chat_template"), generationJson }, own);
}

/** Formats 1 and 2. */
function openPlain(file: SafetensorsFile): PackedModel {
  const version = file.metadata.get(VERSION) === DRAFT_VERSION ? DRAFT_VERSION : PLAIN_VERSION;
  expectMetadata(file, VERSION, version, `${FORMAT_VERSION}, ${DRAFT_VERSION} and ${PLAIN_VERSION}`);
  expectMetadata(file, LAYOUT, String(LAYOUT_VERSION));
  const config = parsePackedConfig(file.metadata.get(CONFIG) ?? "", file.name, CONFIG);
  const plan = planWeights(config, readQuantization(file));
  const draft =
    version === DRAFT_VERSION
      ? layoutDraft(parseDraftConfig(file.metadata.get(DRAFT) ?? "", file.name, DRAFT, config), plan, config)
      : undefined;
  const own = new Set(file.names().filter((name) => name !== TOKENIZER));
  const text = file.entry(TOKENIZER) === undefined ? undefined : TOKENIZER;
  return opened(file, { config, plan, draft, checksums: undefined, text, templates: true, generationJson: undefined }, own);
}

/** @param own the tensors that are said to be weights or the head's */
function opened(
  file: SafetensorsFile,
  {
    config,
    plan,
    draft,
    checksums,
    text,
    templates,
    generationJson,
  }: Pick<PackedModel, "config" | "plan" | "draft" | "checksums"> & {
    readonly text: string | undefined;
    readonly templates: boolean;
    readonly generationJson: string | undefined;
  },
  own: ReadonlySet<string>,
): PackedModel {
  const parts = [...plan.parts, ...(draft?.parts ?? [])];
  const weightsOffset = checkParts(file, parts, own);
  const last = parts[parts.length - 1];
  const bytes = last === undefined ? 0 : last.offset + last.bytes;
  const chatTemplateJson = templates ? file.metadata.get(CHAT_TEMPLATE) : undefined;
  return {
    source: file.source,
    config,
    plan,
    weightsOffset,
    draft,
    bytes,
    checksums,
    chatTemplateJson,
    readText: () => readText(file, text, { template: chatTemplateJson, generation: generationJson }, checksums),
  };
}

/** The plan whose weight types are those that the file names for its parts. @throws FormatError naming the part that none has so. */
function planNamed(config: ModelConfig, named: readonly SectionPart[], file: string): WeightPlan {
  let first: unknown;
  for (const quantization of QUANTIZATIONS) {
    const plan = planWeights(config, quantization);
    try {
      checkTypes(plan, "", named, file);
      return plan;
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

function checkTypes(plan: WeightPlan, prefix: string, named: readonly SectionPart[], file: string): void {
  const types = new Map(named.map(({ name, type, run }) => [name, { type, run }]));
  for (const part of plan.parts) {
    const found = types.get(prefix + part.name);
    const where = { file, field: prefix + part.name };
    if (found === undefined) throw new FormatError("this tensor is missing; the configuration says that the model has it", where);
    const { type, run } = found;
    if (type !== WEIGHT_NAMES[part.type]) {
      throw new FormatError(
        `is ${JSON.stringify(type).slice(0, 40)}; this build computes models that are ${QUANTIZATIONS.join(", ")} throughout`,
        where,
      );
    }
    if (part.experts && run !== part.stride) throw new FormatError(`has runs of ${run} bytes where an expert has ${part.stride}`, where);
  }
}

/** Opens the file; of a zip archive it is told what PyTorch has put into it. */
async function openContainer(source: ByteSource): Promise<SafetensorsFile> {
  try {
    return await openSafetensors(source);
  } catch (error) {
    if (
      error instanceof FormatError &&
      source.sequential !== true &&
      source.size > 4 &&
      decodeUtf8(await readRange(source, 0, 2, "header")) === "PK"
    )
      await openTorch(source);
    throw error;
  }
}

function expectMetadata(file: SafetensorsFile, key: string, expected: string, reads = expected): void {
  const found = file.metadata.get(key);
  if (found === expected) return;
  throw new FormatError(
    `is ${JSON.stringify(found ?? "missing").slice(0, 40)}, this build ` +
      `reads ${reads}: convert the model again with this version of blockffn`,
    { file: file.name, field: key },
  );
}

function readQuantization(file: SafetensorsFile): Quantization {
  const found = file.metadata.get(QUANTIZATION);
  const known = QUANTIZATIONS.find((name) => name === found);
  if (known !== undefined) return known;
  throw new FormatError(`must be one of ${QUANTIZATIONS.join(", ")}`, { file: file.name, field: QUANTIZATION });
}

function checkParts(
  file: SafetensorsFile,
  parts: readonly { readonly name: string; readonly bytes: number; readonly offset: number }[],
  own: ReadonlySet<string>,
): number {
  const weightsOffset = file.entry(parts[0]?.name ?? "")?.offset ?? 0;
  for (const part of parts) {
    const entry = file.entry(part.name);
    const where = { file: file.name, field: part.name };
    if (entry === undefined) throw new FormatError("this tensor is missing; the configuration says that the model has it", where);
    if (entry.dtype !== "U8" || entry.byteLength !== part.bytes) {
      throw new FormatError(`${entry.byteLength} bytes of ${entry.dtype} where the configuration asks for ${part.bytes} of U8`, where);
    }
    if (entry.offset !== weightsOffset + part.offset || entry.offset % PART_ALIGN !== 0)
      throw new FormatError("is not where a packed model has it; convert the model again", where);
  }
  const known = new Set(parts.map(({ name }) => name));
  const extra = [...own].find((name) => !known.has(name));
  if (extra !== undefined) throw new FormatError("the configuration knows no such tensor", { file: file.name, field: extra });
  return weightsOffset;
}

async function readText(
  file: SafetensorsFile,
  tensor: string | undefined,
  json: { readonly template: string | undefined; readonly generation: string | undefined },
  checksums: Checksums | undefined,
): Promise<ModelText> {
  const template = { json: json.template, file: file.name, field: CHAT_TEMPLATE };
  const generation = { json: json.generation, file: file.name, field: GENERATION };
  const entry = tensor === undefined ? undefined : file.entry(tensor);
  if (entry === undefined) return packedText(() => undefined, template, generation);
  if (entry.dtype !== "U8" || entry.byteLength > MAX_TOKENIZER_BYTES) {
    return packedText(
      () => {
        throw new FormatError(`must be at most ${MAX_TOKENIZER_BYTES} bytes of U8`, {
          file: file.name,
          field: TOKENIZER,
          limit: MAX_TOKENIZER_BYTES,
        });
      },
      template,
      generation,
    );
  }
  const bytes = await readRange(file.source, entry.offset, entry.byteLength, TOKENIZER);
  for (const run of checksums?.of(TOKENIZER) ?? []) {
    checksums?.compare(run, checksumOf(bytes.subarray(run.offset - entry.offset, run.offset - entry.offset + run.bytes)));
  }
  return packedText(() => bytes, template, generation);
}
