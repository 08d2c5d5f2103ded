import { FormatError } from "../../errors.ts";
import { WEIGHT_NAMES, type WeightPlan } from "../../../core/plan.ts";
import { LAYOUT_VERSION } from "../../../core/layout/matrix.ts";
import type { DraftLayout } from "../../architecture/draft-head.ts";
import { MAX_TENSORS } from "../safetensors/header.ts";
import type { SafetensorsFile } from "../safetensors/safetensors.ts";

/** Metadata key of the table of sections (docs/packed-format.md). */
export const SECTIONS = "blockffn.sections";
/** The tensor that holds the checksums; it belongs to no section. */
export const CHECKSUMS = "checksums";
export const TOKENIZER = "tokenizer.json";
/** Bytes of a run of what has no experts. */
export const RUN_BYTES = 2 ** 20;
/** Longest run: a length is an i32 in checksums, and a run is kept whole while a file is written. */
const RUN_LIMIT = 2 ** 30;
const MAX_SECTIONS = 256;
const MAX_NAME = 256;

/** A tensor of the file: stretches of `run` bytes each have a checksum, the last may be shorter. */
export interface SectionPart {
  readonly name: string;
  readonly type: string;
  readonly run: number;
}

export interface Section {
  readonly name: string;
  readonly version: number;
  /** Whether a reader that does not know the section, or this version of it, must refuse the file. */
  readonly must: boolean;
  readonly parts: readonly SectionPart[];
}

/** The sections that this build writes and reads, with their versions; of weights and head it is the layout's. */
export const KNOWN = {
  config: 1,
  "tokenizer.json": 1,
  chat_template: 1,
  chat_roles: 1,
  generation: 1,
  weights: LAYOUT_VERSION,
  draft: LAYOUT_VERSION,
} as const;
export type SectionName = keyof typeof KNOWN;

function section(name: SectionName, must: boolean, parts: readonly SectionPart[] = []): Section {
  return { name, version: KNOWN[name], must, parts };
}

function weightParts(plan: WeightPlan, prefix: string): SectionPart[] {
  return plan.parts.map((part) => ({
    name: prefix + part.name,
    type: WEIGHT_NAMES[part.type] as string,
    run: part.experts ? part.stride : RUN_BYTES,
  }));
}

/** The table for a file that holds these, in the order of the file. */
export function sectionsOf(
  plan: WeightPlan,
  {
    tokenizer,
    chatTemplate,
    chatRoles,
    generation,
    draft,
  }: {
    readonly tokenizer: boolean;
    readonly chatTemplate: boolean;
    readonly chatRoles: boolean;
    readonly generation: boolean;
    readonly draft: DraftLayout | undefined;
  },
): Section[] {
  const bytes = (name: string): SectionPart => ({ name, type: "bytes", run: RUN_BYTES });
  const head =
    draft === undefined ? [] : [...weightParts(draft.plan, "draft."), ...(draft.tokensAt === undefined ? [] : [bytes("draft.tokens")])];
  return [
    section("config", true),
    ...(chatTemplate ? [section("chat_template", false)] : []),
    ...(chatRoles ? [section("chat_roles", false)] : []),
    ...(generation ? [section("generation", false)] : []),
    ...(tokenizer ? [section("tokenizer.json", false, [bytes(TOKENIZER)])] : []),
    section("weights", true, weightParts(plan, "")),
    ...(draft === undefined ? [] : [section("draft", false, head)]),
  ];
}

/**
 * Reads the table of a file of format 3: each tensor belongs to one section.
 * @throws FormatError naming the file and the section or tensor.
 */
export function readSections(file: SafetensorsFile): Section[] {
  const where = { file: file.name, field: SECTIONS };
  let value: unknown;
  try {
    value = JSON.parse(file.metadata.get(SECTIONS) ?? "");
  } catch (cause) {
    throw new FormatError("is missing or no JSON", { ...where, cause });
  }
  if (!Array.isArray(value) || value.length > MAX_SECTIONS)
    throw new FormatError(`must be a list of at most ${MAX_SECTIONS} sections`, { ...where, limit: MAX_SECTIONS });
  const sections = value.map((entry) => readSection(entry, where));
  const owners = new Set<string>([CHECKSUMS]);
  for (const { parts } of sections) {
    for (const { name } of parts) {
      if (owners.has(name)) throw new FormatError("is in two sections", { file: file.name, field: name });
      if (file.entry(name)?.dtype !== "U8")
        throw new FormatError("is named by the table of sections, but there is no such tensor of U8", { file: file.name, field: name });
      owners.add(name);
    }
  }
  if (new Set(sections.map(({ name }) => name)).size < sections.length) throw new FormatError("names a section twice", where);
  const stray = file.names().find((name) => !owners.has(name));
  if (stray !== undefined) throw new FormatError("belongs to no section", { file: file.name, field: stray });
  return sections;
}

/** The sections that this build understands, by name. @throws FormatError for one that must be and is not. */
export function understood(sections: readonly Section[], file: string): Map<SectionName, Section> {
  const known = new Map<SectionName, Section>();
  for (const section of sections) {
    if (KNOWN[section.name as SectionName] === section.version) {
      known.set(section.name as SectionName, section);
    } else if (section.must) {
      throw new FormatError(
        `version ${section.version} of this section must be understood, and this build does not: use a newer blockffn`,
        { file, field: section.name },
      );
    }
  }
  for (const name of ["config", "weights"] as const)
    if (!known.has(name)) throw new FormatError("the file has no such section", { file, field: name });
  return known;
}

function readSection(value: unknown, where: { readonly file: string; readonly field: string }): Section {
  const { name, version, must, parts } = (typeof value === "object" && value !== null ? value : {}) as Partial<
    Record<keyof Section, unknown>
  >;
  if (!isName(name)) throw new FormatError("a section has no name", where);
  const field = { ...where, field: `${SECTIONS}: ${name}` };
  if (!isWhole(version, 0xffff)) throw new FormatError("needs a version from 1 to 65535", field);
  if (typeof must !== "boolean") throw new FormatError("must say whether it must be understood", field);
  if (!Array.isArray(parts) || parts.length > MAX_TENSORS) throw new FormatError("needs a list of parts", { ...field, limit: MAX_TENSORS });
  return { name, version, must, parts: parts.map((part) => readPart(part, field)) };
}

function readPart(value: unknown, where: { readonly file: string; readonly field: string }): SectionPart {
  const { name, type, run } = (typeof value === "object" && value !== null ? value : {}) as Partial<Record<keyof SectionPart, unknown>>;
  if (!isName(name)) throw new FormatError("a part has no name", where);
  if (!isName(type)) throw new FormatError("the part has no type", { ...where, field: name });
  if (!isWhole(run, RUN_LIMIT))
    throw new FormatError(`the bytes of a run must be from 1 to ${RUN_LIMIT}`, { ...where, field: name, limit: RUN_LIMIT });
  return { name, type, run };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= MAX_NAME;
}

function isWhole(value: unknown, most: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most;
}
