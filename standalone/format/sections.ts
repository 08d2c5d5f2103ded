import { Architecture } from "../../core/architecture";
import { LAYOUT_VERSION } from "../../core/layout/matrix";
import { planModel, QUANTIZATION_NAMES, WEIGHT_NAMES, WeightPlan } from "../../core/plan";
import { fail, failed } from "../failure";
import { Header } from "./header";
import { JsonReader } from "./json";

// Mirrors src/format/packed/sections.ts.

export const SECTIONS = "blockffn.sections";
export const CHECKSUMS = "checksums";
export const TOKENIZER = "tokenizer.json";
/** Sections that are read in their first version. */
const FIRST_VERSIONS: string[] = ["config", TOKENIZER, "chat_roles", "generation"];
const RUN_LIMIT: u64 = 1 << 30;
const MAX_SECTIONS = 256;
const MAX_NAME: u32 = 256;

/** A tensor whose stretches of `run` bytes each have a checksum. */
export class SectionPart {
  constructor(
    public name: string,
    public type: string,
    public run: u64,
  ) {}
}

export class Section {
  name: string = "";
  version: u64 = 0;
  must: bool = false;

  /** Sections that this host reads; a draft head it leaves alone. */
  get understood(): bool {
    if (this.name == "weights") return this.version === <u64>LAYOUT_VERSION;
    return FIRST_VERSIONS.includes(this.name) && this.version === 1;
  }
}

/** The table of sections of a file of format 3: each tensor belongs to one of them. */
export class SectionTable {
  sections: Section[] = [];
  /** Of all sections, in their order. */
  parts: Map<string, SectionPart> = new Map();

  /** Fails naming the section or tensor. */
  read(header: Header): void {
    if (!header.metadata.has(SECTIONS)) return fail("is missing", SECTIONS);
    const text = String.UTF8.encode(header.metadata.get(SECTIONS));
    const json = new JsonReader(changetype<usize>(text), text.byteLength, SECTIONS);
    json.openArray();
    while (json.nextElement()) {
      if (this.sections.length >= MAX_SECTIONS) return json.fail(`has more than ${MAX_SECTIONS} sections`);
      this.readSection(json);
    }
    json.finish();
    if (failed()) return;
    const names = this.parts.keys();
    for (let i = 0; i < names.length; i++) {
      if (names[i] == CHECKSUMS) return fail("is in two sections", CHECKSUMS);
      if (header.entries.has(names[i])) continue;
      return fail("is named by the table of sections, but there is no such tensor of U8", shown(names[i]));
    }
    const tensors = header.entries.keys();
    for (let i = 0; i < tensors.length; i++) {
      if (tensors[i] != CHECKSUMS && !this.parts.has(tensors[i])) return fail("belongs to no section", shown(tensors[i]));
    }
  }

  section(name: string): Section | null {
    for (let i = 0; i < this.sections.length; i++) if (this.sections[i].name == name) return this.sections[i];
    return null;
  }

  /** Fails for a section that must be understood and is not, and for one that a model needs. */
  checkUnderstood(): void {
    for (let i = 0; i < this.sections.length; i++) {
      const section = this.sections[i];
      if (!section.must || section.understood) continue;
      const what = `version ${section.version} of this section must be understood, and this build does not`;
      return fail(what + ": use a newer blockffn", shown(section.name));
    }
    if (this.section("config") === null) return fail("the file has no such section", "config");
    if (this.section("weights") === null) fail("the file has no such section", "weights");
  }

  private readSection(json: JsonReader): void {
    const section = new Section();
    let complete = 0;
    json.openObject();
    while (json.nextKey()) {
      if (json.isText("name")) {
        section.name = readName(json);
        complete |= 1;
      } else if (json.isText("version")) {
        section.version = json.readInteger();
        if (section.version < 1 || section.version > 0xffff) return json.fail("needs versions from 1 to 65535");
        complete |= 2;
      } else if (json.isText("must")) {
        section.must = json.readFlag();
        complete |= 4;
      } else if (json.isText("parts")) {
        json.openArray();
        while (json.nextElement()) this.readPart(json);
        complete |= 8;
      } else {
        json.skip();
      }
    }
    if (failed()) return;
    if (complete !== 15) return json.fail("a section needs name, version, must and parts");
    if (this.section(section.name) !== null) return json.fail("names a section twice");
    this.sections.push(section);
  }

  private readPart(json: JsonReader): void {
    let name = "";
    let type = "";
    let run: u64 = 0;
    json.openObject();
    while (json.nextKey()) {
      if (json.isText("name")) name = readName(json);
      else if (json.isText("type")) type = readName(json);
      else if (json.isText("run")) run = json.readInteger();
      else json.skip();
    }
    if (failed()) return;
    if (name.length === 0 || type.length === 0 || run < 1 || run > RUN_LIMIT) {
      return json.fail(`a part needs name, type and a run from 1 to ${RUN_LIMIT}`);
    }
    if (this.parts.has(name)) return fail("is in two sections", shown(name));
    this.parts.set(name, new SectionPart(name, type, run));
  }
}

/** The plan whose weight types are those that the file names for its parts. Fails naming the part that none has so. */
export function planNamed(config: Architecture, table: SectionTable): WeightPlan {
  let wrong = "";
  for (let q = 0; q < QUANTIZATION_NAMES.length; q++) {
    const plan = planModel(config, q);
    const other = firstOther(plan, table);
    if (other.length === 0) return plan;
    if (q === 0) wrong = other;
  }
  const known = QUANTIZATION_NAMES.join(", ");
  fail("is of another type or run than in models that are " + known + " throughout, which this build computes", wrong);
  return new WeightPlan(0);
}

/** The first part that the table has not as the plan has it. */
function firstOther(plan: WeightPlan, table: SectionTable): string {
  for (let i = 0; i < plan.parts.length; i++) {
    const part = plan.parts[i];
    if (!table.parts.has(part.name)) return part.name;
    const found = table.parts.get(part.name);
    if (found.type != WEIGHT_NAMES[part.type] || (part.experts && found.run !== <u64>part.stride)) return part.name;
  }
  return "";
}

function readName(json: JsonReader): string {
  json.readString();
  if (failed()) return "";
  if (json.textLength === 0 || json.textLength > MAX_NAME) json.fail(`has a name that is empty or longer than ${MAX_NAME} bytes`);
  return json.textString();
}

function shown(name: string): string {
  return name.slice(0, 60);
}
