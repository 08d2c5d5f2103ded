import { PART_ALIGN, type WeightPlan } from "../../../core/plan.ts";
import type { ModelConfig } from "../../architecture/config.ts";
import type { DraftLayout } from "../../architecture/draft-head.ts";
import { findChatRoles } from "../../text/chat-roles.ts";
import type { ChatTemplate } from "../../text/chat-template.ts";
import type { GenerationDefaults } from "../../text/generation-defaults.ts";
import { encodeSafetensorsHeader, type NamedTensor, type SafetensorsEntry } from "../safetensors/safetensors.ts";
import { checksumOf } from "./checksums.ts";
import { CHAT_ROLES, CHAT_TEMPLATE, CONFIG, DRAFT, FORMAT_VERSION, GENERATION, VERSION } from "./keys.ts";
import { CHECKSUMS, SECTIONS, sectionsOf, TOKENIZER, type SectionPart } from "./sections.ts";

/** Takes the bytes of a file from its start to its end. */
export type FileSink = (bytes: Uint8Array) => void | Promise<void>;

/** What a packed file holds beside the weights. */
export interface PackedContents {
  readonly config: ModelConfig;
  readonly plan: WeightPlan;
  readonly tokenizerJson?: Uint8Array | undefined;
  readonly chatTemplate?: ChatTemplate | undefined;
  readonly generationDefaults?: GenerationDefaults | undefined;
  readonly draft?: DraftLayout | undefined;
}

/** A part and its place in the file. */
interface Open {
  readonly part: SectionPart;
  readonly entry: SafetensorsEntry;
}

/** Writes a packed file of format 3 from its start to its end: `start`, `put` for all weights, `finish`. */
export class PackedWriter {
  readonly fileSize: number;
  readonly #header: Uint8Array;
  readonly #parts: readonly Open[];
  readonly #sums: number[] = [];
  readonly #sink: FileSink;
  readonly #tokenizerJson: Uint8Array | undefined;
  readonly #weightsOffset: number;
  readonly #checksumsAt: number;
  #at = 0;
  #next = 0;
  #run = new Uint8Array(0);
  #filled = 0;
  #done = 0;

  constructor(sink: FileSink, { config, plan, tokenizerJson, chatTemplate, generationDefaults, draft }: PackedContents) {
    this.#sink = sink;
    this.#tokenizerJson = tokenizerJson;
    // Of the template, for hosts that cannot run it; so no file has one of another template.
    const chatRoles = chatTemplate && findChatRoles(chatTemplate);
    const sections = sectionsOf(plan, {
      tokenizer: tokenizerJson !== undefined,
      chatTemplate: chatTemplate !== undefined,
      chatRoles: chatRoles !== undefined,
      generation: generationDefaults !== undefined,
      draft,
    });
    const parts = sections.flatMap((section) => section.parts);
    const sizes = new Map([...plan.parts, ...(draft?.parts ?? [])].map(({ name, bytes }) => [name, bytes]));
    if (tokenizerJson !== undefined) sizes.set(TOKENIZER, tokenizerJson.length);
    const tensors = parts.map(({ name }): NamedTensor => ({ name, dtype: "U8", shape: [sizes.get(name) as number] }));
    const runs = parts.reduce((sum, { name, run }) => sum + Math.ceil((sizes.get(name) as number) / run), 0);
    tensors.push({ name: CHECKSUMS, dtype: "U8", shape: [4 * (runs + 2)] });
    const metadata = new Map([
      ["format", "blockffn"],
      [VERSION, FORMAT_VERSION],
      [SECTIONS, JSON.stringify(sections)],
      [CONFIG, JSON.stringify(config)],
    ]);
    if (chatTemplate !== undefined) metadata.set(CHAT_TEMPLATE, JSON.stringify(chatTemplate));
    if (generationDefaults !== undefined) metadata.set(GENERATION, JSON.stringify(generationDefaults));
    if (chatRoles !== undefined) metadata.set(CHAT_ROLES, JSON.stringify(chatRoles));
    if (draft !== undefined) metadata.set(DRAFT, JSON.stringify(draft.config));
    const layout = encodeSafetensorsHeader(tensors, metadata, { align: PART_ALIGN });
    this.fileSize = layout.fileSize;
    this.#header = layout.header;
    this.#parts = parts.map((part, i) => ({ part, entry: layout.tensors[i] as SafetensorsEntry }));
    this.#checksumsAt = (layout.tensors[parts.length] as SafetensorsEntry).offset;
    this.#weightsOffset = (layout.tensors[tokenizerJson === undefined ? 0 : 1] as SafetensorsEntry).offset;
  }

  /** Writes what comes before the weights. */
  async start(): Promise<void> {
    await this.#write(this.#header);
    this.#sums.push(checksumOf(this.#header.subarray(8)));
    if (this.#tokenizerJson !== undefined) await this.#tensor(this.#header.length, this.#tokenizerJson);
  }

  /** Writes weights. @param offset from the start of the model's weights; offsets ascend, and parts are written whole */
  async put(offset: number, bytes: Uint8Array): Promise<void> {
    await this.#tensor(this.#weightsOffset + offset, bytes);
  }

  /** Writes the checksums. @throws TypeError when weights are missing */
  async finish(): Promise<void> {
    for (let open = this.#parts[this.#next]; open !== undefined && this.#done > 0;) {
      // The padding behind the last expert.
      this.#fill(open.part, open.entry, new Uint8Array(open.entry.byteLength - this.#done));
    }
    while (this.#parts[this.#next]?.entry.byteLength === 0) this.#next++;
    if (this.#next < this.#parts.length) throw new TypeError(`${this.#parts[this.#next]?.part.name as string} was not written whole`);
    const bytes = new Uint8Array(4 * (this.#sums.length + 1));
    const view = new DataView(bytes.buffer);
    this.#sums.forEach((sum, i) => view.setUint32(4 * i, sum, true));
    view.setUint32(bytes.length - 4, checksumOf(bytes.subarray(0, bytes.length - 4)), true);
    await this.#pad(this.#checksumsAt);
    await this.#write(bytes);
  }

  async #tensor(offset: number, bytes: Uint8Array): Promise<void> {
    await this.#pad(offset);
    for (let at = 0; at < bytes.length;) at += this.#sum(offset + at, bytes.subarray(at));
    await this.#write(bytes);
  }

  /** Sums bytes of the part under way, and zeros before them that its padding leaves out. @returns how many it took */
  #sum(offset: number, bytes: Uint8Array): number {
    let open = this.#parts[this.#next];
    while (open?.entry.byteLength === 0) open = this.#parts[++this.#next];
    if (open === undefined || offset < open.entry.offset + this.#done)
      throw new TypeError("weights must be written in the order of the plan");
    const { entry, part } = open;
    const gap = offset - entry.offset - this.#done;
    if (gap > 0) {
      // Between an expert's matrices and the next expert, and before the next part.
      const left = entry.byteLength - this.#done;
      this.#fill(part, entry, new Uint8Array(Math.min(gap, left)));
      return this.#sum(offset, bytes);
    }
    return this.#fill(part, entry, bytes);
  }

  #fill({ run }: SectionPart, { byteLength }: SafetensorsEntry, bytes: Uint8Array): number {
    const size = Math.min(run, byteLength - (this.#done - this.#filled));
    if (this.#filled === 0) this.#run = this.#run.length === size ? this.#run : new Uint8Array(size);
    const count = Math.min(bytes.length, size - this.#filled);
    this.#run.set(bytes.subarray(0, count), this.#filled);
    this.#filled += count;
    this.#done += count;
    if (this.#filled === size) {
      this.#sums.push(checksumOf(this.#run));
      this.#filled = 0;
    }
    if (this.#done === byteLength) {
      this.#next++;
      this.#done = 0;
    }
    return count;
  }

  async #pad(offset: number): Promise<void> {
    if (offset > this.#at) await this.#write(new Uint8Array(offset - this.#at));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.#sink(bytes);
    this.#at += bytes.length;
  }
}
