import { Architecture, readArchitecture } from "../../core/architecture";
import { FieldReader } from "../../core/fields";
import { LAYOUT_VERSION } from "../../core/layout/matrix";
import { Part, PART_ALIGN, planModel, QUANTIZATION_NAMES, WeightPlan } from "../../core/plan";
import { fail, failed } from "../failure";
import { Source } from "../source";
import { MAX_TOKENIZER_BYTES } from "../text/tokenizer";
import { JsonFields } from "./fields";
import { Checksums } from "./checksums";
import { Entry, Header } from "./header";
import { JsonReader } from "./json";
import { planNamed, SectionTable, TOKENIZER } from "./sections";

// Mirrors src/format/packed/packed.ts.

const VERSION = "blockffn.version";
const LAYOUT = "blockffn.layout";
const QUANTIZATION = "blockffn.quantization";
const CONFIG = "blockffn.config";
const CHAT_TEMPLATE = "blockffn.chat_template";
const CHAT_ROLES = "blockffn.chat_roles";
const GENERATION = "blockffn.generation";
/**
 * What a file of version 2 says of its EAGLE head, and how the names of the head's tensors begin. Both are left alone: nothing here drafts
 * with it.
 */
const DRAFT = "blockffn.draft";
const DRAFT_PREFIX = "draft.";
const DRAFT_VERSION = "2";
const FORMAT_VERSION = "3";

/** A packed model whose header is checked; its weights are `plan.bytes` bytes from `weightsOffset` on. */
export class PackedModel {
  config: Architecture = new Architecture();
  plan: WeightPlan = new WeightPlan(0);
  weightsOffset: u64 = 0;
  tokenizer: Entry | null = null;
  quantization: string = "";
  /** What the chat template writes around contents, as JSON; "" where it is not known, or does more. */
  chatRoles: string = "";
  hasTemplate: bool = false;
  /** How answers are drawn by default, as JSON; "" where nothing is said. */
  generation: string = "";
  /** Of a file of format 3; those of another are none. */
  checksums: Checksums = new Checksums();

  /** Checks the header against the plan that its configuration asks for: every part there, with its size and place. */
  open(source: Source): void {
    const header = new Header();
    header.read(source);
    if (failed()) return;
    if (!header.metadata.has(VERSION)) {
      return fail("not a packed model: convert the model's folder with `blockffn convert FOLDER --out FILE`", VERSION);
    }
    if (header.metadata.get(VERSION) == FORMAT_VERSION) this.openSections(header, source);
    else this.openPlain(header);
  }

  /** Format 3: what the table of sections says. */
  private openSections(header: Header, source: Source): void {
    const table = new SectionTable();
    table.read(header);
    if (failed()) return;
    this.checksums = new Checksums();
    this.checksums.read(header, table, source);
    if (failed()) return;
    table.checkUnderstood();
    this.readConfig(header);
    if (failed()) return;
    this.plan = planNamed(this.config, table);
    this.quantization = QUANTIZATION_NAMES[this.plan.quantization];
    this.checkParts(header);
    this.hasTemplate = header.metadata.has(CHAT_TEMPLATE);
    this.chatRoles = optional(header, table, "chat_roles", CHAT_ROLES);
    this.generation = optional(header, table, "generation", GENERATION);
    const tokenizer = table.section(TOKENIZER);
    if (tokenizer !== null && tokenizer.understood && table.parts.has(TOKENIZER)) this.findTokenizer(header);
  }

  /** Formats 1 and 2, without sections and checksums. */
  private openPlain(header: Header): void {
    this.hasTemplate = header.metadata.has(CHAT_TEMPLATE);
    const drafts = header.metadata.get(VERSION) == DRAFT_VERSION;
    expectMetadata(header, VERSION, drafts ? DRAFT_VERSION : "1", FORMAT_VERSION + ", 2 and 1");
    expectMetadata(header, LAYOUT, LAYOUT_VERSION.toString(), LAYOUT_VERSION.toString());
    if (header.metadata.has(QUANTIZATION)) this.quantization = header.metadata.get(QUANTIZATION);
    const type = QUANTIZATION_NAMES.indexOf(this.quantization);
    if (type < 0) return fail("must be one of " + QUANTIZATION_NAMES.join(", "), QUANTIZATION);
    if (drafts && !header.metadata.has(DRAFT)) return fail("is missing", DRAFT);
    this.readConfig(header);
    if (failed()) return;
    this.plan = planModel(this.config, type);
    this.checkParts(header);
    this.refuseOthers(header, drafts);
    this.findTokenizer(header);
  }

  private readConfig(header: Header): void {
    if (!header.metadata.has(CONFIG)) return fail("is missing", CONFIG);
    const json = String.UTF8.encode(header.metadata.get(CONFIG));
    this.config = readConfig(new JsonReader(changetype<usize>(json), json.byteLength, CONFIG), CONFIG);
  }

  private checkParts(header: Header): void {
    const parts = this.plan.parts;
    const first = parts[0].name;
    if (header.entries.has(first)) this.weightsOffset = header.entries.get(first).offset;
    for (let i = 0; i < parts.length; i++) checkPart(header, parts[i], this.weightsOffset);
  }

  private refuseOthers(header: Header, drafts: bool): void {
    const names = header.entries.keys();
    for (let i = 0; i < names.length; i++) {
      if (names[i] == TOKENIZER || this.plan.byName.has(names[i]) || (drafts && names[i].startsWith(DRAFT_PREFIX))) continue;
      fail("the configuration knows no such tensor", names[i].slice(0, 60));
    }
  }

  private findTokenizer(header: Header): void {
    if (!header.entries.has(TOKENIZER)) return;
    const entry = header.entries.get(TOKENIZER);
    if (entry.bytes > MAX_TOKENIZER_BYTES) fail(`has ${entry.bytes} bytes; the limit is ${MAX_TOKENIZER_BYTES}`, TOKENIZER);
    this.tokenizer = entry;
  }
}

/** The metadata of a section that is there and understood; "" without it. */
function optional(header: Header, table: SectionTable, name: string, key: string): string {
  const section = table.section(name);
  return section !== null && section.understood && header.metadata.has(key) ? header.metadata.get(key) : "";
}

/** A configuration from JSON. Fails naming the field. */
export function readConfig(json: JsonReader, field: string): Architecture {
  const source = new JsonFields(field);
  source.read(json);
  const fields = new FieldReader(source);
  if (failed()) return new Architecture();
  const config = readArchitecture(fields);
  const problem = fields.problem;
  if (problem !== null) fail(problem.text, problem.field.length > 0 ? field + ": " + problem.field : field);
  return config;
}

function expectMetadata(header: Header, key: string, expected: string, reads: string): void {
  const found = header.metadata.has(key) ? header.metadata.get(key) : "missing";
  if (found != expected) {
    fail(`is "${found.slice(0, 40)}", this build reads ${reads}: convert the model again with this version of blockffn`, key);
  }
}

function checkPart(header: Header, part: Part, weightsOffset: u64): void {
  if (!header.entries.has(part.name)) return fail("this tensor is missing; the configuration says that the model has it", part.name);
  const entry = header.entries.get(part.name);
  if (entry.bytes !== <u64>part.bytes) return fail(`${entry.bytes} bytes where the configuration asks for ${<u64>part.bytes}`, part.name);
  if (entry.offset !== weightsOffset + <u64>part.offset || entry.offset % PART_ALIGN !== 0) {
    fail("is not where a packed model has it; convert the model again", part.name);
  }
}
