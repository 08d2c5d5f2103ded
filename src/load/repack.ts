import { PANEL_ROWS } from "../../core/layout/matrix.ts";
import type { Part } from "../../core/plan.ts";
import { planWeights, quantizationOf } from "../architecture/plan.ts";
import type { Quantization } from "../architecture/quantization.ts";
import { ConfigError, SourceError } from "../errors.ts";
import { readRange } from "../format/bytes.ts";
import { readFolderText } from "../format/hf/checkpoint.ts";
import { checksumOf } from "../format/packed/checksums.ts";
import { packWeights, type PartWeights } from "../format/packed/pack.ts";
import { openPacked, type PackedModel } from "../format/packed/packed.ts";
import { PackedWriter, type FileSink } from "../format/packed/write.ts";
import type { ModelFiles } from "../format/source.ts";
import { parseChatTemplate } from "../text/chat-template.ts";
import { openDraft, type ConvertDraft, type OpenDraft } from "./convert-draft.ts";

/** What is taken instead of what a packed file has, or beside it. */
export interface Changes {
  /** Weight type; only f32 files can be given another. */
  readonly quantization?: Quantization | undefined;
  readonly draft?: ConvertDraft | undefined;
  /** Folder whose tokenizer, chat template and generation_config.json are taken. */
  readonly text?: ModelFiles | undefined;
}

export interface Repacked {
  readonly fileSize: number;
  readonly weightBytes: number;
  readonly quantization: Quantization;
}

/** Bytes that are copied at a time. */
const COPY_BYTES = 2 ** 22;

/**
 * Writes a packed file of any format anew, in the newest: its weights as they are. Sections that this build does not know are left out.
 * @throws BlockFFNError subclasses for files that are damaged or cannot become what is asked for
 */
export async function repackModel(
  files: ModelFiles,
  changes: Changes,
  sink: FileSink,
  onProgress?: (done: number, total: number) => void,
): Promise<Repacked> {
  const source = await files.open("");
  if (source === undefined) throw new SourceError("there is no such file", { file: files.name });
  let head: OpenDraft | undefined;
  try {
    const model = await openPacked(source);
    const { config } = model;
    const quantization = changes.quantization ?? quantizationOf(model.plan);
    const same = quantization === quantizationOf(model.plan);
    if (!same && quantizationOf(model.plan) !== "f32") {
      const advice =
        `is packed ` +
        `as ${quantizationOf(model.plan)}, which cannot be made ${quantization}: convert the original folder, or a packed file of f32`;
      throw new ConfigError(advice, { file: files.name, field: "quantize" });
    }
    if (!same && model.draft !== undefined && changes.draft === undefined) {
      throw new ConfigError(`has a draft head in f32; give the head's folder (--draft) to have it in ${quantization}`, {
        file: files.name,
        field: "quantize",
      });
    }
    const plan = same ? model.plan : planWeights(config, quantization);
    head = changes.draft && (await openDraft(changes.draft, config, plan));
    const own = await model.readText();
    const text = changes.text === undefined ? own : await readFolderText(changes.text);
    const chatTemplate =
      changes.text === undefined ? parseChatTemplate(model.chatTemplateJson, files.name, "blockffn.chat_template") : text.chatTemplate;
    const writer = new PackedWriter(sink, {
      config,
      plan,
      tokenizerJson: text.tokenizerJson,
      chatTemplate,
      generationDefaults: text.generationDefaults ?? own.generationDefaults,
      draft: head?.layout ?? model.draft,
    });
    await writer.start();
    await verifyWeights(model);
    const put = (offset: number, bytes: Uint8Array): Promise<void> => writer.put(offset, bytes);
    if (same) {
      const parts = [...plan.parts, ...(head === undefined ? (model.draft?.parts ?? []) : [])];
      for (const { name, offset, bytes } of parts) {
        for (let at = 0; at < bytes; at += COPY_BYTES) {
          await put(offset + at, await readRange(source, model.weightsOffset + offset + at, Math.min(COPY_BYTES, bytes - at), name));
        }
        onProgress?.(offset + bytes, Math.max(model.bytes, offset + bytes));
      }
    } else {
      await packWeights(plan, new PackedFloats(model), put, onProgress);
    }
    await head?.write(put);
    await writer.finish();
    return { fileSize: writer.fileSize, quantization, weightBytes: plan.bytes };
  } finally {
    await head?.close();
    await source.close();
  }
}

/** New checksums must not be made of damaged bytes. */
async function verifyWeights({ checksums, source }: PackedModel): Promise<void> {
  for (const run of checksums?.runs ?? []) {
    if (run.section === "weights" || run.section === "draft")
      checksums?.compare(run, checksumOf(await readRange(source, run.offset, run.bytes, run.part)));
  }
}

/** Weights of a packed file of f32, out of their panels. */
class PackedFloats implements PartWeights {
  readonly #model: PackedModel;

  constructor(model: PackedModel) {
    this.#model = model;
  }

  async vector(part: Part): Promise<Float32Array> {
    return this.#floats(part, 0, part.tensors[0]!.rows);
  }

  matrix(part: Part, i: number, c: number): (first: number, count: number) => Promise<Float32Array> {
    const own = this.#model.plan.byName.get(part.name)!;
    const { cols } = own.tensors[i]!;
    const start = (c * own.stride + own.matrixOffset(i)) / 4;
    return async (first, count) => {
      const panels = await this.#floats(own, start + first * cols, Math.ceil(count / PANEL_ROWS) * PANEL_ROWS * cols);
      const rows = new Float32Array(count * cols);
      for (let r = 0; r < count; r++) {
        const panel = (r - (r % PANEL_ROWS)) * cols;
        for (let col = 0; col < cols; col++) rows[r * cols + col] = panels[panel + col * PANEL_ROWS + (r % PANEL_ROWS)] as number;
      }
      return rows;
    };
  }

  async #floats({ name }: Part, start: number, count: number): Promise<Float32Array> {
    const { source, weightsOffset, plan } = this.#model;
    const bytes = await readRange(source, weightsOffset + plan.byName.get(name)!.offset + 4 * start, 4 * count, name);
    return new Float32Array(bytes.slice().buffer);
  }
}
